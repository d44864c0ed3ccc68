"""Plans, in versions: an edit never changes what a customer already has."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import User, Workspace


class Plan(models.Model):
    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=100)

    class Meta:
        ordering = ["position", "key"]

    def __str__(self) -> str:
        return self.name


class PlanVersion(models.Model):
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    monthly_price_cents = models.PositiveIntegerField(default=0)  # USD
    monthly_credits = models.BigIntegerField(default=0)  # nano-credits
    rollover_months = models.PositiveSmallIntegerField(default=0)
    allowances = models.JSONField(default=dict, blank=True)  # meter -> quantity per period, decimal string
    request_limits = models.JSONField(default=dict, blank=True)  # meter -> most per request, decimal string
    qualities = ArrayField(models.CharField(max_length=30), default=list, blank=True)  # allowed; empty = all
    overdraft = models.BigIntegerField(default=0)  # nano-credits that authorisations may go below zero
    concurrency = models.PositiveIntegerField(
        null=True, blank=True
    )  # requests at the same time; null: as many as wanted
    features = ArrayField(
        models.CharField(max_length=120), default=list, blank=True
    )  # texts; their slugs are asked for
    intended_for = models.CharField(max_length=120, blank=True)
    discounts = models.JSONField(default=list, blank=True, db_default=[])  # percent off, of what (terms.py)
    tiers = models.JSONField(default=list, blank=True, db_default=[])  # steps of meters by the month's quantity
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["plan", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="plan_version_number_once"),
            models.CheckConstraint(
                condition=Q(monthly_credits__gte=0, overdraft__gte=0), name="plan_amounts_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(concurrency=None) | Q(concurrency__gt=0), name="plan_concurrency_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} v{self.number}"


class Subscription(models.Model):
    """The plan a workspace is on, and the period it is in."""

    workspace = models.OneToOneField(Workspace, models.PROTECT, related_name="subscription")
    version = models.ForeignKey(PlanVersion, models.PROTECT, related_name="+")
    anchor = models.DateTimeField()  # period n starts at anchor + n months, clamped to the month's end
    period = models.PositiveIntegerField(default=0)  # the last period whose allowances and credits were given
    next_period_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.workspace} on {self.version}"


class Provision(models.Model):
    """A workspace that the operator's backend made, and what it was told: the same request again is told the same."""

    workspace = models.OneToOneField(Workspace, models.PROTECT, primary_key=True, related_name="+")
    key = models.CharField(max_length=200, blank=True)  # the caller's Idempotency-Key, if any
    request_hash = models.BinaryField(max_length=32)  # same id or key, other content = conflict
    result = models.JSONField()  # without the API key, which is shown once
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=~Q(key=""), name="provision_once_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.workspace}"


class SignupGrant(models.Model):
    """One per verified person, whatever they sign up for later."""

    user = models.OneToOneField(User, models.PROTECT, related_name="+")
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user}"
