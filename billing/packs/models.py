"""What is for sale, promotion codes, and what was bought. Money is integer minor units, credits are nano-credits.

A purchase keeps its own copy of all it promises: a pack or a promotion that is edited changes nothing that was bought.
"""

import secrets
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.onoffer import on_offer
from billing.invoices.models import Document
from billing.ledger.models import Lot
from billing.packs.autotopup import models as autotopup  # noqa: F401 - tables of the same app
from billing.packs.x402 import models as x402  # noqa: F401 - as above


def new_purchase_id() -> str:
    return "pur_" + secrets.token_hex(12)


def new_money_back_id() -> str:
    return "back_" + secrets.token_hex(12)


class Pack(models.Model):
    """Credits at a price, which includes tax."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    description = models.CharField(max_length=160, blank=True)
    credits = models.BigIntegerField()  # nano-credits that are paid for
    bonus_credits = models.BigIntegerField(default=0)  # nano-credits on top
    price = models.PositiveIntegerField()  # minor units
    currency = models.CharField(max_length=3, default="usd")
    validity_days = models.PositiveIntegerField(null=True, blank=True)  # null: they never expire
    plans = ArrayField(models.SlugField(max_length=40), default=list, blank=True)  # keys of plans; empty: for all
    position = models.PositiveSmallIntegerField(default=100)
    active = models.BooleanField(default=True)
    starts_at = models.DateTimeField(null=True, blank=True)  # from when it is for sale, and until when
    ends_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)  # goes up with every change

    class Meta:
        ordering = ["position", "price", "key"]
        constraints = [
            models.CheckConstraint(condition=Q(credits__gt=0, bonus_credits__gte=0), name="pack_credits_positive"),
            models.CheckConstraint(condition=Q(price__gt=0), name="pack_price_positive"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[a-z]{3}$"), name="pack_currency"),
            models.CheckConstraint(
                condition=Q(validity_days=None) | Q(validity_days__gt=0), name="pack_validity_positive"
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="pack_ends_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def total_credits(self) -> int:
        return self.credits + self.bonus_credits

    def on_offer(self, now: datetime) -> bool:
        return self.active and on_offer(self.starts_at, self.ends_at, now)


class Promotion(models.Model):
    """A code of ours: percent off, or credits on top."""

    code = models.CharField(max_length=40, unique=True)  # upper case; typed in any
    description = models.CharField(max_length=160, blank=True)
    percent_off = models.PositiveSmallIntegerField(default=0)
    bonus_credits = models.BigIntegerField(default=0)  # nano-credits
    packs = models.ManyToManyField(Pack, blank=True, related_name="promotions")  # none: all
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    most = models.PositiveIntegerField("redemptions at most", null=True, blank=True)  # null: as many as wanted
    most_per_workspace = models.PositiveSmallIntegerField("redemptions per workspace", default=1)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["-created_at", "code"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9][A-Z0-9_-]*$"), name="promotion_code_plain"),
            models.CheckConstraint(
                condition=Q(percent_off__gt=0, percent_off__lt=100, bonus_credits=0)
                | Q(percent_off=0, bonus_credits__gt=0),
                name="promotion_gives_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="promotion_ends_after_start",
            ),
            models.CheckConstraint(
                condition=(Q(most=None) | Q(most__gt=0)) & Q(most_per_workspace__gt=0), name="promotion_limits_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Purchase(models.Model):
    class Status(models.TextChoices):
        OPEN = "open", "Open"  # Checkout was begun; nothing is paid
        PAID = "paid", "Paid"  # Stripe has the money; the credits are on their way
        FULFILLED = "fulfilled", "Credited"
        EXPIRED = "expired", "Expired"  # nobody paid in time
        CANCELED = "canceled", "Canceled"
        FAILED = "failed", "Failed"  # the bank refused in the end, or what was paid is not what was asked for

    public_id = models.CharField(max_length=40, unique=True, default=new_purchase_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="purchases", db_index=False)
    key = models.CharField(max_length=260)  # once per workspace: of the form, or of the API caller
    request_hash = models.BinaryField(max_length=32)
    buyer = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    buyer_label = models.CharField(max_length=200)

    automatic = models.BooleanField(default=False)  # charged without the customer: it has a top-up, and no pack
    pack = models.ForeignKey(Pack, models.PROTECT, null=True, blank=True, related_name="+")
    pack_version = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=60)
    credits = models.BigIntegerField()
    bonus_credits = models.BigIntegerField(default=0)
    promotion = models.ForeignKey(Promotion, models.PROTECT, null=True, blank=True, related_name="+")
    promotion_code = models.CharField(max_length=40, blank=True)
    promotion_credits = models.BigIntegerField(default=0)
    validity_days = models.PositiveIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    price = models.PositiveIntegerField()
    discount = models.PositiveIntegerField(default=0)
    amount = models.PositiveIntegerField()  # to be paid; tax included
    tax_name = models.CharField(max_length=40, blank=True)
    tax_percent = models.DecimalField(max_digits=7, decimal_places=4, default=0)

    status = models.CharField(max_length=9, choices=Status.choices, default=Status.OPEN)
    livemode = models.BooleanField(default=False)  # Stripe's live mode knows nothing of what test mode has
    customer_id = models.CharField(max_length=255, blank=True)
    session_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    session_url = models.TextField(blank=True)
    payment_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    created_at = models.DateTimeField(default=clock.now)
    look_at = models.DateTimeField(null=True, blank=True)  # when Stripe is asked next
    returned_at = models.DateTimeField(null=True, blank=True)  # the customer came back from Checkout
    paid_at = models.DateTimeField(null=True, blank=True)
    fulfilled_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True)  # what a person has to look at
    answers = models.PositiveIntegerField(default=0)  # of Stripe about refunds and disputes that changed something

    lot = models.OneToOneField(Lot, models.PROTECT, null=True, blank=True, related_name="+")
    bonus_lot = models.OneToOneField(Lot, models.PROTECT, null=True, blank=True, related_name="+")
    promotion_lot = models.OneToOneField(Lot, models.PROTECT, null=True, blank=True, related_name="+")
    document = models.OneToOneField(Document, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="purchase_list"),
            models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="purchase_look"),
            models.Index(fields=["workspace"], condition=Q(status__in=["open", "paid"]), name="purchase_in_flight"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="purchase_once_per_key"),
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(automatic=True, status__in=["open", "paid"]),
                name="purchase_one_automatic_in_flight",
            ),
            models.CheckConstraint(
                condition=Q(automatic=True, pack=None) | Q(automatic=False, pack__isnull=False),
                name="purchase_of_a_pack_or_automatic",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "paid", "fulfilled", "expired", "canceled", "failed"]),
                name="purchase_status",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, price=F("amount") + F("discount")), name="purchase_amount_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(credits__gt=0, bonus_credits__gte=0, promotion_credits__gte=0), name="purchase_credits"
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[a-z]{3}$"), name="purchase_currency"),
            models.CheckConstraint(
                condition=~Q(status__in=["paid", "fulfilled"]) | Q(payment_id__isnull=False, paid_at__isnull=False),
                name="purchase_paid_has_its_payment",
            ),
            models.CheckConstraint(
                condition=Q(status="fulfilled", lot__isnull=False, document__isnull=False, fulfilled_at__isnull=False)
                | (~Q(status="fulfilled") & Q(lot=None, document=None, fulfilled_at=None)),
                name="purchase_fulfilled_has_its_lot",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def total_credits(self) -> int:
        """Nano-credits that it brings, in all."""
        return self.credits + self.bonus_credits + self.promotion_credits

    @property
    def in_flight(self) -> bool:
        return self.status in (self.Status.OPEN, self.Status.PAID)


class Redemption(models.Model):
    """A promotion's code used in a purchase. Its numbers are the lowest free ones, so unique constraints are the limit:
    whoever meets another one at the same number did not get it.
    """

    promotion = models.ForeignKey(Promotion, models.PROTECT, related_name="redemptions")
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    purchase = models.OneToOneField(Purchase, models.PROTECT, related_name="redemption")
    number = models.PositiveIntegerField()  # among all
    nth = models.PositiveSmallIntegerField()  # of this workspace
    created_at = models.DateTimeField(default=clock.now)
    given_back_at = models.DateTimeField(null=True, blank=True)  # it was not paid in time

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["promotion", "number"], condition=Q(given_back_at=None), name="redemption_number_once"
            ),
            models.UniqueConstraint(
                fields=["promotion", "workspace", "nth"], condition=Q(given_back_at=None), name="redemption_nth_once"
            ),
            models.CheckConstraint(condition=Q(number__gt=0, nth__gt=0), name="redemption_numbers_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.promotion} for {self.workspace}"


class Notice(models.Model):
    """Stripe, or the customer's browser, says that something happened to a purchase. What it is, we ask Stripe: a
    notice may be late, repeated, in any order, or a lie.
    """

    purchase = models.ForeignKey(Purchase, models.CASCADE, related_name="notices")
    about = models.CharField(max_length=80)
    session_id = models.CharField(max_length=255, blank=True)
    at = models.DateTimeField(default=clock.now, db_index=True)  # when it is attended to; later after a failure

    def __str__(self) -> str:
        return f"{self.about}: {self.purchase_id}"


class MoneyBack(models.Model):
    """Money of a purchase that went back, or may: a refund, or a dispute."""

    class Kind(models.TextChoices):
        REFUND = "refund", "Refund"
        DISPUTE = "dispute", "Dispute"

    class Status(models.TextChoices):
        ASKED = "asked", "Being asked for"  # Stripe has not answered yet
        OPEN = "open", "Open"  # a dispute that is not decided
        GONE = "gone", "Gone"  # refunded, or lost
        BACK = "back", "Came back"  # the refund failed after all, the dispute was won
        REFUSED = "refused", "Refused"  # Stripe did not do it

    public_id = models.CharField(max_length=40, unique=True, default=new_money_back_id, editable=False)
    purchase = models.ForeignKey(Purchase, models.PROTECT, related_name="money_back")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    key = models.CharField(max_length=120, null=True, blank=True, unique=True)
    stripe_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    amount = models.PositiveIntegerField()  # minor units
    status = models.CharField(max_length=7, choices=Status.choices)
    reason = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=200, blank=True)
    # Ledger operations that took the credits that are out.
    taken = ArrayField(models.BigIntegerField(), default=list, blank=True)
    taken_credits = models.BigIntegerField(default=0)  # nano-credits, of all lots
    credits_are_out = models.BooleanField(default=False)
    rounds = models.PositiveSmallIntegerField(default=0)  # times that credits were taken
    document = models.OneToOneField(Document, models.PROTECT, null=True, blank=True, related_name="+")  # credit note
    again = models.OneToOneField(Document, models.PROTECT, null=True, blank=True, related_name="+")  # invoiced again
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name, verbose_name_plural = "refund or dispute", "refunds and disputes"
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="money_back_amount_positive"),
            models.CheckConstraint(condition=Q(kind__in=["refund", "dispute"]), name="money_back_kind"),
            models.CheckConstraint(
                condition=Q(status__in=["asked", "open", "gone", "back", "refused"]), name="money_back_status"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["asked", "refused"]) | Q(stripe_id__isnull=False), name="money_back_at_stripe"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.stripe_id or self.public_id}"


class PaymentPolicy(models.Model):
    """What the operator decides about payments. One row."""

    class Dispute(models.TextChoices):
        NOTHING = "nothing", "Nothing until it is lost"
        HOLD = "hold", "Take the disputed credits out until it is decided"
        SUSPEND = "suspend", "Take them out, and decline new requests of the workspace"

    on_dispute = models.CharField(max_length=7, choices=Dispute.choices, default=Dispute.HOLD)
    # Automatic charges of a workspace within an hour; the next one pauses its top-ups, and operators are told.
    top_ups_per_hour = models.PositiveSmallIntegerField(
        "automatic top-ups an hour, at most", default=4, validators=[MinValueValidator(1)]
    )

    class Meta:
        verbose_name = verbose_name_plural = "payment policy"
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="payment_policy_one_row"),
            models.CheckConstraint(
                condition=Q(on_dispute__in=["nothing", "hold", "suspend"]), name="payment_policy_on_dispute"
            ),
            models.CheckConstraint(condition=Q(top_ups_per_hour__gt=0), name="payment_policy_top_ups_positive"),
        ]

    def __str__(self) -> str:
        return "payment policy"


class Reconciliation(models.Model):
    """One comparison of purchases, ledger and Stripe."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    since = models.DateTimeField()
    payments = models.PositiveIntegerField()
    purchases = models.PositiveIntegerField()
    differences = models.JSONField(default=list)  # sentences

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"
