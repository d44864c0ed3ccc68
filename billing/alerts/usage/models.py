"""What people of a workspace want to be told of its usage, and what they were told. Amounts are nano-credits."""

from django.db import models
from django.db.models import Q

from accounts.models import Workspace
from billing.credits import clock


class AlertSettings(models.Model):
    """No row: everything as it is by default."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="+")
    at_50 = models.BooleanField(default=True)
    at_75 = models.BooleanField(default=True)
    at_90 = models.BooleanField(default=True)
    at_100 = models.BooleanField(default=True)
    # Below which a balance is low, in place of the default; both: whichever is more.
    low_credits = models.BigIntegerField(null=True, blank=True)
    low_days = models.PositiveSmallIntegerField(null=True, blank=True)
    month_cents = models.BigIntegerField(null=True, blank=True)  # US cents of usage in a calendar month
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(Q(low_credits=None) | Q(low_credits__gt=0))
                & (Q(low_days=None) | Q(low_days__gte=1, low_days__lte=90))
                & (Q(month_cents=None) | Q(month_cents__gt=0)),
                name="alert_settings_above_nothing",
            )
        ]

    def __str__(self) -> str:
        return f"alerts of {self.workspace_id}"

    @property
    def percents(self) -> list[int]:
        return [share for share in (50, 75, 90, 100) if getattr(self, f"at_{share}")]


class UsageWatch(models.Model):
    """How a workspace stood when it was looked at last; its wallet's bound is by that."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="+")
    granted = models.BigIntegerField(default=0)  # for the period, then: `Stands.base`
    period_start = models.DateTimeField()
    looked_at = models.DateTimeField()
    look_at = models.DateTimeField()  # when the clock alone changes something: a period or month ends, credits start

    class Meta:
        indexes = [models.Index(fields=["look_at"], name="usage_watch_due")]

    def __str__(self) -> str:
        return f"watch of {self.workspace_id}"


class UsageAlert(models.Model):
    """One thing that was told, or is about to be: written with its message."""

    class Told(models.TextChoices):
        MAILED = "mailed", "Mailed"
        WAITING = "waiting", "Waits for the summary"
        SUMMARY = "summary", "In a summary"
        QUIET = "quiet", "Not told anew"  # it was above before credits came in, or before it was asked for
        NOBODY = "nobody", "Nobody to tell"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    alert = models.CharField(max_length=8)
    # The period and what was granted for it; of money what was to be reached; of a balance the number of the fall.
    key = models.CharField(max_length=80)
    amount = models.BigIntegerField()  # what was reached; of a balance the bound
    used = models.BigIntegerField()  # what was used then
    balance = models.BigIntegerField()  # available + held
    line = models.CharField(max_length=300)  # in a sentence
    told = models.CharField(max_length=7, choices=Told.choices)
    mailed_at = models.DateTimeField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["workspace", "-at"], name="usage_alert_list"),
            models.Index(fields=["workspace"], condition=Q(told="waiting"), name="usage_alert_waiting"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "alert", "key"], name="usage_alert_once"),
            models.CheckConstraint(
                condition=Q(alert__in=["50", "75", "90", "100", "money", "low", "stopped"]), name="usage_alert_known"
            ),
            models.CheckConstraint(
                condition=Q(told__in=["mailed", "summary"], mailed_at__isnull=False)
                | Q(told__in=["waiting", "quiet", "nobody"], mailed_at=None),
                name="usage_alert_mailed_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return self.line


class AlertsAnswer(models.Model):
    """What a caller who changed the settings was answered under an Idempotency-Key."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=260)
    request_hash = models.BinaryField(max_length=32)
    answer = models.TextField()  # JSON, exactly
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="alerts_answer_once_per_key")]

    def __str__(self) -> str:
        return self.key
