"""What can be subscribed to. Plans come in versions: an edit never changes what a customer already has.

Money is integer US cents, credits are nano-credits.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Plan(models.Model):
    class Visibility(models.TextChoices):
        PUBLIC = "public", "Offered to everybody"
        HIDDEN = "hidden", "Given by staff and the API only"
        RETIRED = "retired", "Closed to new subscribers"

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=100)
    visibility = models.CharField(
        max_length=7, choices=Visibility.choices, default=Visibility.PUBLIC, db_default=Visibility.PUBLIC
    )
    retires_at = models.DateTimeField(null=True, blank=True)  # when it closes to new subscribers, if that is decided

    class Meta:
        ordering = ["position", "key"]
        constraints = [
            models.CheckConstraint(condition=Q(visibility__in=["public", "hidden", "retired"]), name="plan_visibility"),
            models.CheckConstraint(
                condition=Q(retires_at=None) | ~Q(visibility="retired"), name="plan_retires_while_it_is_on_offer"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PlanVersion(models.Model):
    """What a subscriber has. A version may have a ladder of credit tiers: its own price and credits are the lowest
    rung, `CreditTier` rows are those above. Published versions and their tiers never change.
    """

    class Periods(models.TextChoices):
        ANNIVERSARY = "anniversary", "From the day it began"
        CALENDAR = "calendar", "Calendar months (UTC)"

    plan = models.ForeignKey(Plan, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    monthly_price_cents = models.PositiveIntegerField(default=0)  # USD
    yearly_price_cents = models.PositiveIntegerField(null=True, blank=True)  # USD; null: not sold by the year
    trial_days = models.PositiveSmallIntegerField(default=0, db_default=0)
    periods = models.CharField(
        max_length=11, choices=Periods.choices, default=Periods.ANNIVERSARY, db_default=Periods.ANNIVERSARY
    )
    monthly_credits = models.BigIntegerField(default=0)  # nano-credits, also when it is paid by the year
    rollover_months = models.PositiveSmallIntegerField(default=0)
    # Most nano-credits that earlier periods leave to a new one; null: all that rollover_months lets.
    rollover_cap = models.BigIntegerField(null=True, blank=True)
    # USD that a credit costs who is on this version and buys more; null: the face value.
    credit_price = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
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
    support = models.CharField(max_length=160, blank=True, db_default="")  # "E-mail, within one business day"
    sla = models.CharField("service level", max_length=160, blank=True, db_default="")  # "99.9 % a month"
    discounts = models.JSONField(default=list, blank=True, db_default=[])  # percent off, of what (terms.py)
    tiers = models.JSONField(default=list, blank=True, db_default=[])  # steps of meters by the month's quantity
    published_at = models.DateTimeField(null=True, blank=True)
    publish_at = models.DateTimeField(null=True, blank=True)  # when the draft will be, and who decided that
    publish_by = models.CharField(max_length=200, blank=True, db_default="")

    class Meta:
        ordering = ["plan", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="plan_version_number_once"),
            models.CheckConstraint(
                condition=Q(monthly_credits__gte=0, overdraft__gte=0), name="plan_amounts_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(rollover_cap=None) | Q(rollover_cap__gte=0), name="plan_rollover_cap_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(credit_price=None) | Q(credit_price__gt=0), name="plan_credit_price_positive"
            ),
            models.CheckConstraint(condition=Q(periods__in=["anniversary", "calendar"]), name="plan_periods"),
            models.CheckConstraint(
                condition=Q(concurrency=None) | Q(concurrency__gt=0), name="plan_concurrency_positive"
            ),
            models.CheckConstraint(
                condition=Q(publish_at=None, publish_by="") | Q(publish_at__isnull=False, published_at=None),
                name="plan_version_scheduled_is_a_draft",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} v{self.number}"


class CreditTier(models.Model):
    """A rung above a version's own credits and price."""

    version = models.ForeignKey(PlanVersion, models.CASCADE, related_name="credit_tiers", db_index=False)
    number = models.PositiveSmallIntegerField()  # 1 is the first above the version's own
    monthly_credits = models.BigIntegerField()  # nano-credits
    monthly_price_cents = models.PositiveIntegerField()  # USD
    yearly_price_cents = models.PositiveIntegerField(null=True, blank=True)  # USD; null: not sold by the year

    class Meta:
        ordering = ["version", "number"]
        constraints = [
            models.UniqueConstraint(fields=["version", "number"], name="credit_tier_once"),
            models.CheckConstraint(condition=Q(number__gt=0, monthly_credits__gt=0), name="credit_tier_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.version} tier {self.number}"
