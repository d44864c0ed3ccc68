"""Budgets, what counts against them, and the pace of keys. Amounts are nano-credits.

Budgets and what is counted is written under the wallet lock of its workspace; what people were told, and that a
request was refused, is not.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import ApiKey, Project, Workspace
from billing.ledger.models import Hold


class Budget(models.Model):
    """So much may be spent in each day or month of the workspace's time zone: by all of it, or for one project, with
    one key, or with the keys of one member.
    """

    class Period(models.TextChoices):
        DAY = "day", "Day"
        MONTH = "month", "Month"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="budgets", db_index=False)
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="+", db_index=False)
    api_key = models.ForeignKey(ApiKey, models.CASCADE, null=True, related_name="+", db_index=False)
    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+", db_index=False)
    period = models.CharField(max_length=5, choices=Period.choices)
    amount = models.BigIntegerField()  # what may be spent in a period
    stops = models.BooleanField()  # requests beyond it are refused; else people are only told
    held = models.BigIntegerField(default=0)  # of open holds; it counts in whatever period is running
    counts_from = models.DateTimeField()  # start of the first period that is counted
    changes = models.PositiveIntegerField(default=0)  # how often it was changed: each time people are told anew
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "project", "api_key", "member", "period"],
                name="budget_one_per_subject_and_period",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(project=None, api_key=None) | Q(project=None, member=None) | Q(api_key=None, member=None),
                name="budget_of_one_subject",
            ),
            models.CheckConstraint(condition=Q(period__in=["day", "month"]), name="budget_period"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="budget_amount_positive"),
            models.CheckConstraint(condition=Q(held__gte=0), name="budget_held_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.period}"

    @property
    def level(self) -> str:
        """ "workspace", "project", "key" or "member"."""
        if self.project_id is not None:
            return "project"
        if self.api_key_id is not None:
            return "key"
        return "workspace" if self.member_id is None else "member"


class BudgetPeriod(models.Model):
    """What was spent against a budget in one of its periods."""

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="periods", db_index=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    spent = models.DecimalField(max_digits=30, decimal_places=0)  # a sum may exceed 64 bits
    told_percent = models.PositiveSmallIntegerField(default=0, db_default=0)  # people know that so much is used
    refused_at = models.DateTimeField(null=True)  # when it first refused a request
    refusal_told = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["budget", "starts_at"], name="budget_period_once"),
            models.CheckConstraint(condition=Q(spent__gte=0), name="budget_period_spent_not_negative"),
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="budget_period_ends_later"),
        ]
        indexes = [models.Index(fields=["ends_at"], name="budget_period_running")]

    def __str__(self) -> str:
        return f"{self.spent} since {self.starts_at}"


class BudgetHold(models.Model):
    """An open hold counts against a budget with this amount; the row goes when the hold ends."""

    hold = models.ForeignKey(Hold, models.PROTECT, related_name="+", db_index=False)
    budget = models.ForeignKey(Budget, models.CASCADE, related_name="holds")
    amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hold", "budget"], name="budget_hold_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="budget_hold_of_something"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.hold_id}"


class KeyPace(models.Model):
    """How fast a workspace key spends: by the minute, beside its busiest minutes of this week and the last one."""

    # No foreign keys in the database: the event's Series checks both, and every request would lock their rows.
    api_key = models.OneToOneField(ApiKey, models.CASCADE, primary_key=True, related_name="pace", db_constraint=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_constraint=False)
    minute = models.DateTimeField()  # the latest in which it spent
    spent = models.BigIntegerField()  # in that minute
    week = models.DateField()  # the Monday (UTC) before that minute
    busiest = models.BigIntegerField(default=0)  # in one minute of that week, the latest left out
    busiest_before = models.BigIntegerField(default=0)  # in one minute of the week before
    paused_at = models.DateTimeField(null=True)
    paused_spent = models.BigIntegerField(default=0)  # in the minute that paused it
    paused_usual = models.BigIntegerField(default=0)  # its busiest minute until then
    told_at = models.DateTimeField(null=True)  # people were told of the pause

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(spent__gte=0, busiest__gte=0, busiest_before__gte=0), name="key_pace_not_negative"
            ),
        ]
        indexes = [
            models.Index(
                fields=["paused_at"], condition=Q(paused_at__isnull=False, told_at=None), name="key_pace_pause_not_told"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.spent} in {self.minute}"
