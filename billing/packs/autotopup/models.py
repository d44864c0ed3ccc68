"""Automatic top-ups: what was agreed to, what is set, and each charge. Credits in nano, money in US cents."""

from django.db import models
from django.db.models import F, Q

from accounts.models import User, Workspace
from billing.credits import clock
from billing.packs.autotopup.sizing import Terms


class TopUpConsent(models.Model):
    """A person agreed to be charged. What was agreed to is fixed; it can only end."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="top_up_consents", db_index=False)
    person = models.ForeignKey(User, models.PROTECT, related_name="+")
    person_label = models.CharField(max_length=200)
    at = models.DateTimeField(default=clock.now)
    text = models.TextField()  # as it was shown
    method = models.CharField(max_length=255)  # the card, as Stripe calls it
    card = models.CharField(max_length=60)  # as people read it
    threshold = models.BigIntegerField()
    amount = models.BigIntegerField()
    target = models.BigIntegerField(null=True, blank=True)
    day_cap = models.PositiveIntegerField()
    month_cap = models.PositiveIntegerField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name = "top-up consent"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(ended_at=None), name="top_up_consent_one_in_force"
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-at"], name="top_up_consent_list")]

    def __str__(self) -> str:
        return f"{self.person_label}, {self.at:%Y-%m-%d}"

    @property
    def terms(self) -> Terms:
        return Terms(self.threshold, self.amount, self.target, self.day_cap, self.month_cap)


class AutoTopUp(models.Model):
    """What a workspace has set, and how it stands."""

    class Unit(models.TextChoices):
        MONEY = "money", "US dollars"
        CREDITS = "credits", "Credits"

    class Wait(models.TextChoices):
        BACK_OFF = "back_off", "The card was declined"
        CONFIRMATION = "confirmation", "The bank wants the cardholder to confirm"
        DAY = "day", "The cap of the day is reached"
        MONTH = "month", "The cap of the month is reached"

    workspace = models.OneToOneField(Workspace, models.PROTECT, primary_key=True, related_name="auto_top_up")
    enabled = models.BooleanField(default=False)
    threshold = models.BigIntegerField()
    amount = models.BigIntegerField()
    amount_in = models.CharField(max_length=7, choices=Unit.choices, default=Unit.MONEY)  # how it was written
    target = models.BigIntegerField(null=True, blank=True)
    day_cap = models.PositiveIntegerField()
    month_cap = models.PositiveIntegerField()
    consent = models.ForeignKey(TopUpConsent, models.PROTECT, null=True, blank=True, related_name="+")  # in force
    declines = models.PositiveSmallIntegerField(default=0)  # in a row
    not_before = models.DateTimeField(null=True, blank=True)
    waits_for = models.CharField(max_length=12, choices=Wait.choices, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)  # too many charges an hour: a person lets it go on
    resumed_at = models.DateTimeField(null=True, blank=True)  # charges before that do not count for another pause
    off_because = models.CharField(max_length=300, blank=True)  # when the portal switched it off
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["workspace"]
        verbose_name = "automatic top-up"
        constraints = [
            models.CheckConstraint(condition=Q(threshold__gt=0, amount__gt=0), name="auto_top_up_amounts_positive"),
            models.CheckConstraint(
                condition=Q(target=None) | Q(target__gt=F("threshold")), name="auto_top_up_target_above_threshold"
            ),
            models.CheckConstraint(condition=Q(day_cap__gt=0, month_cap__gt=0), name="auto_top_up_caps_positive"),
            models.CheckConstraint(
                condition=Q(enabled=False) | Q(consent__isnull=False), name="auto_top_up_on_with_consent"
            ),
        ]

    def __str__(self) -> str:
        return f"automatic top-up of {self.workspace_id}"

    @property
    def terms(self) -> Terms:
        return Terms(self.threshold, self.amount, self.target, self.day_cap, self.month_cap)

    @classmethod
    def failing(cls) -> models.QuerySet["AutoTopUp"]:
        """Those that do not charge though they should: declined, to be confirmed, paused, or switched off by us."""
        waits = [cls.Wait.BACK_OFF, cls.Wait.CONFIRMATION]
        stopped = Q(paused_at__isnull=False) | ~Q(off_because="")
        return cls.objects.filter(stopped | Q(enabled=True) & (Q(declines__gt=0) | Q(waits_for__in=waits)))

    @property
    def bound(self) -> int:
        """What the wallet is to keep: below it a charge may be due."""
        return self.threshold if self.enabled and self.paused_at is None else 0


class TopUp(models.Model):
    """One automatic charge: written before Stripe is asked, under the key of its purchase."""

    class Outcome(models.TextChoices):
        WAITING = "", "Waiting for Stripe"
        SUCCEEDED = "succeeded", "Charged"
        DECLINED = "declined", "Declined"
        CONFIRMATION = "confirmation", "To be confirmed"
        REFUSED = "refused", "Card not usable"
        UNANSWERED = "unanswered", "Not charged"

    purchase = models.OneToOneField("packs.Purchase", models.PROTECT, primary_key=True, related_name="top_up")
    consent = models.ForeignKey(TopUpConsent, models.PROTECT, related_name="top_ups")
    method = models.CharField(max_length=255)
    balance = models.BigIntegerField()  # nano-credits at the decision; owed ones count against it
    threshold = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    attempt = models.PositiveSmallIntegerField()  # 1, or after so many declines
    sent_at = models.DateTimeField(null=True, blank=True)  # when Stripe was first asked
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    code = models.CharField(max_length=100, blank=True)  # Stripe's, of a decline
    message = models.CharField(max_length=300, blank=True)  # Stripe's, for the customer

    class Meta:
        ordering = ["-purchase_id"]
        verbose_name = "top-up"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    outcome__in=["", "succeeded", "declined", "confirmation", "refused", "unanswered"], attempt__gt=0
                ),
                name="top_up_outcome",
            ),
            models.CheckConstraint(
                condition=Q(outcome="", decided_at=None) | (~Q(outcome="") & Q(decided_at__isnull=False)),
                name="top_up_decided_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return self.reason


class TopUpAnswer(models.Model):
    """What a caller was answered under an Idempotency-Key."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=260)
    request_hash = models.BinaryField(max_length=32)
    answer = models.TextField()  # JSON, exactly
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="top_up_answer_once_per_key")]

    def __str__(self) -> str:
        return self.key


class InvoiceDispute(models.Model):
    """A dispute of a payment that is no purchase's: of a subscription's invoice. What it is, Stripe is asked; kept, so
    that it ends an agreement once, and not one that a person makes knowing of it.
    """

    stripe_id = models.CharField(max_length=255, unique=True)
    livemode = models.BooleanField()
    workspace = models.ForeignKey(Workspace, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    amount = models.PositiveIntegerField(null=True, blank=True)  # minor units
    currency = models.CharField(max_length=3, blank=True)
    look_at = models.DateTimeField(null=True, blank=True, default=clock.now, db_index=True)  # null: nothing to ask
    counted_at = models.DateTimeField(null=True, blank=True)  # what follows from it was done
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-id"]
        verbose_name, verbose_name_plural = "dispute of an invoice", "disputes of invoices"
        constraints = [
            models.CheckConstraint(
                condition=Q(counted_at=None) | Q(workspace__isnull=False, amount__isnull=False, look_at=None),
                name="invoice_dispute_counted_of_a_workspace",
            )
        ]

    def __str__(self) -> str:
        return self.stripe_id
