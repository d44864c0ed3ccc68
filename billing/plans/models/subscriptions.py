"""Who has which plan, until when it is paid, and how it changes. Money is US cents, credits are nano-credits."""

import secrets
from datetime import datetime

from django.db import models
from django.db.models import F, Q

from accounts.models import User, Workspace
from billing.credits import clock
from billing.plans.models.catalogue import CreditTier, PlanVersion


def new_change_id() -> str:
    return "chg_" + secrets.token_hex(12)


class Interval(models.TextChoices):
    NONE = "", "Not paid through Stripe"
    MONTH = "month", "Monthly"
    YEAR = "year", "Yearly"


class Subscription(models.Model):
    """A workspace on a plan, from an anchor on. A workspace has at most one that has not ended; a new anchor (another
    plan through another payment, a return to the default plan) is a new row, so its periods have keys of their own.
    """

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        TRIALING = "trialing", "Trial"
        PAST_DUE = "past_due", "Payment failed"  # Stripe tries again
        UNPAID = "unpaid", "Not paid"  # Stripe has given up; nothing is granted until it is paid
        ENDED = "ended", "Ended"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="subscriptions", db_index=False)
    version = models.ForeignKey(PlanVersion, models.PROTECT, related_name="+")
    # From when it has this version, where that is later than its anchor: what it includes is counted anew then.
    version_since = models.DateTimeField(null=True, blank=True)
    credit_tier = models.ForeignKey(CreditTier, models.PROTECT, null=True, blank=True, related_name="+")
    interval = models.CharField(max_length=5, choices=Interval.choices, blank=True, default="", db_default="")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ACTIVE, db_default=Status.ACTIVE)

    anchor = models.DateTimeField()  # period n starts at anchor + n months, clamped to the month's end
    period = models.IntegerField(default=0)  # the last one whose allowances and credits were given; -1: none yet
    next_period_at = models.DateTimeField()
    # Periods that begin before this instant are paid; null: nothing has to be paid.
    paid_until = models.DateTimeField(null=True, blank=True)

    # At Stripe it goes on when the anchor moves, which is a new row here: among those that have not ended it is unique.
    stripe_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - none is unlike any other
    # When Stripe was asked for what is kept here, by the database's clock. What it answered to an earlier question is
    # overtaken.
    asked_at = models.DateTimeField(null=True, blank=True)
    trial_until = models.DateTimeField(null=True, blank=True)
    past_due_since = models.DateTimeField(null=True, blank=True)
    # What is not paid waits for the cardholder, whom the bank wants to see (3-D Secure).
    awaits_confirmation = models.BooleanField(default=False, db_default=False)
    ends_at = models.DateTimeField(null=True, blank=True)  # it was cancelled, and runs until then
    started_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    # What it changes to when its paid time is over, if anything.
    next_version = models.ForeignKey(PlanVersion, models.PROTECT, null=True, blank=True, related_name="+")
    next_credit_tier = models.ForeignKey(CreditTier, models.PROTECT, null=True, blank=True, related_name="+")
    next_interval = models.CharField(max_length=5, choices=Interval.choices, blank=True, default="", db_default="")
    changes_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-started_at"], name="subscription_of_workspace"),
            models.Index(fields=["stripe_id"], name="subscription_at_stripe"),
            # In the order in which they are claimed: thousands may be due at the same instant.
            models.Index(fields=["next_period_at", "id"], condition=Q(ended_at=None), name="subscription_due"),
            models.Index(
                fields=["ends_at"], condition=Q(ended_at=None, ends_at__isnull=False), name="subscription_ends"
            ),
            models.Index(fields=["version"], condition=Q(ended_at=None), name="subscription_on_version"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace"], condition=Q(ended_at=None), name="subscription_once"),
            models.UniqueConstraint(fields=["stripe_id"], condition=Q(ended_at=None), name="subscription_stripe_once"),
            models.UniqueConstraint(fields=["stripe_id", "anchor"], name="subscription_anchor_once"),
            models.CheckConstraint(
                condition=Q(status="ended", ended_at__isnull=False) | (~Q(status="ended") & Q(ended_at=None)),
                name="subscription_ended_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "trialing", "past_due", "unpaid", "ended"]),
                name="subscription_status",
            ),
            models.CheckConstraint(
                condition=Q(interval="", stripe_id=None)
                | Q(interval__in=["month", "year"], stripe_id__isnull=False, paid_until__isnull=False),
                name="subscription_paid_at_stripe",
            ),
            models.CheckConstraint(
                condition=Q(changes_at=None, next_version=None)
                | Q(changes_at__isnull=False, next_version__isnull=False),
                name="subscription_next_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(asked_at=None) | Q(stripe_id__isnull=False), name="subscription_asked_at_stripe"
            ),
            models.CheckConstraint(condition=Q(period__gte=-1), name="subscription_period"),
        ]

    def __str__(self) -> str:
        return f"{self.workspace} on {self.version}"


class SubscriptionChange(models.Model):
    """What was shown before a change, and whether it was done. What is shown is what is done: the instant that money
    and credits are counted from is fixed with it.
    """

    class Kind(models.TextChoices):
        START = "start", "Start"
        UPGRADE = "upgrade", "Change now"
        DOWNGRADE = "downgrade", "Change when the paid time is over"
        KEEP = "keep", "Stay as it is"  # forgets a change or a cancellation to come
        CANCEL = "cancel", "Cancel when the paid time is over"

    class Status(models.TextChoices):
        SHOWN = "shown", "Shown"
        ASKED = "asked", "Being done"  # Stripe was asked, or is about to be; it is asked again until it answers
        DONE = "done", "Done"
        FAILED = "failed", "Failed"  # nothing was changed
        LAPSED = "lapsed", "Not confirmed"

    class Origin(models.TextChoices):
        PERSON = "person", "A person"
        API = "api", "The API"
        AUTOMATIC = "automatic", "Automatic upgrade"
        STAFF = "staff", "Staff"

    public_id = models.CharField(max_length=40, unique=True, default=new_change_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    # The one that it changes; null: there was none.
    subscription = models.ForeignKey(Subscription, models.PROTECT, null=True, blank=True, related_name="changes")
    key = models.CharField(max_length=260)  # once per workspace: of the form, or of the API caller
    request_hash = models.BinaryField(max_length=32)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    origin = models.CharField(max_length=9, choices=Origin.choices, default=Origin.PERSON)
    actor = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    actor_label = models.CharField(max_length=200)

    version = models.ForeignKey(PlanVersion, models.PROTECT, null=True, blank=True, related_name="+")  # to
    credit_tier = models.ForeignKey(CreditTier, models.PROTECT, null=True, blank=True, related_name="+")
    interval = models.CharField(max_length=5, choices=Interval.choices, blank=True, default="")
    at = models.DateTimeField()  # from which money and credits are counted pro rata
    effective_at = models.DateTimeField()
    amount_due = models.IntegerField(default=0)  # charged at once; below 0: a credit on the next invoices
    currency = models.CharField(max_length=3, default="usd")
    credits = models.BigIntegerField(default=0)  # nano-credits granted at once
    credits_until = models.DateTimeField(null=True, blank=True)
    shown = models.JSONField(default=dict)  # lines and sentences, as they were shown

    status = models.CharField(max_length=6, choices=Status.choices, default=Status.SHOWN)
    session_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    session_url = models.TextField(blank=True)
    invoice_id = models.CharField(max_length=255, blank=True)
    problem = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    look_at = models.DateTimeField(null=True, blank=True)  # when Stripe is asked next
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="subscription_change_list"),
            models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="subscription_change_look"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="subscription_change_once"),
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(status="asked"), name="subscription_change_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["shown", "asked", "done", "failed", "lapsed"]),
                name="subscription_change_status",
            ),
            models.CheckConstraint(condition=Q(credits__gte=0), name="subscription_change_credits"),
            models.CheckConstraint(condition=Q(effective_at__gte=F("at")), name="subscription_change_effective"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.public_id}"

    @property
    def amount_off(self) -> int:
        """What is taken off the next invoices, in the smallest unit."""
        return max(-self.amount_due, 0)

    @property
    def next_at(self) -> datetime | None:
        """When the next invoice comes, as it was shown."""
        found = self.shown.get("next")
        return datetime.fromisoformat(found["at"]) if found else None


class SubscriptionNotice(models.Model):
    """Stripe, or the customer's browser, says that something happened to a subscription. What it is, we ask Stripe."""

    stripe_id = models.CharField(max_length=255)
    about = models.CharField(max_length=80)
    at = models.DateTimeField(default=clock.now, db_index=True)  # when it is attended to; later after a failure

    def __str__(self) -> str:
        return f"{self.about}: {self.stripe_id}"


class AutoUpgrade(models.Model):
    """A person agreed that the workspace moves a tier up when its period's credits are used up. A new agreement is a
    new row; the newest that was not withdrawn counts.
    """

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    highest = models.ForeignKey(CreditTier, models.PROTECT, related_name="+")
    most_cents = models.PositiveIntegerField()  # US cents that automatic upgrades may charge in a calendar month (UTC)
    agreed_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    agreed_at = models.DateTimeField(default=clock.now)
    text = models.TextField()  # what was agreed to, as it was shown
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-agreed_at"], name="auto_upgrade_list")]
        constraints = [
            models.UniqueConstraint(fields=["workspace"], condition=Q(withdrawn_at=None), name="auto_upgrade_once"),
            models.CheckConstraint(condition=Q(most_cents__gt=0), name="auto_upgrade_most_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.workspace} up to {self.highest}"
