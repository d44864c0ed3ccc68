"""Payments in USDC: each authorization that was ever presented and found good, once. It is the guard against replays,
and the journal that crashes are mended from. Credits in nano, money in US cents, `units` in millionths of a dollar.
"""

import secrets

from django.db import models
from django.db.models import F, Q

from accounts.models import Workspace
from billing.credits import clock
from billing.invoices.models import Document
from billing.ledger.models import Lot
from billing.packs.x402.rails import UNITS_PER_CENT, is_simulated, transaction_url


def new_payment_id() -> str:
    return "usdc_" + secrets.token_hex(12)


class CryptoPayment(models.Model):
    class State(models.TextChoices):
        SETTLING = "settling", "On its way"  # the money may have moved, or may yet
        CREDITED = "credited", "Credited"
        FAILED = "failed", "Failed"  # provably, no money moved
        REVIEW = "review", "Needs a decision"  # money may be here that is not this customer's
        CLOSED = "closed", "Not credited"  # staff decided so

    public_id = models.CharField(max_length=40, unique=True, default=new_payment_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="crypto_payments", db_index=False)
    idempotency_key = models.CharField(max_length=260, blank=True)  # of a failed one, free again
    buyer_label = models.CharField(max_length=200)

    # The authorization (EIP-3009). Addresses and nonce in lower case.
    network = models.CharField(max_length=40)
    asset = models.CharField(max_length=42)
    payer = models.CharField(max_length=42)
    nonce = models.CharField(max_length=66)
    pay_to = models.CharField(max_length=42)
    units = models.BigIntegerField()
    valid_before = models.DateTimeField()
    version = models.PositiveSmallIntegerField()  # of the protocol
    digest = models.CharField(max_length=64)
    payload = models.JSONField()
    requirements = models.JSONField()
    from_block = models.BigIntegerField()  # the network's height when it was presented

    # All that is promised for it, whatever becomes of the pack.
    pack = models.ForeignKey("packs.Pack", models.PROTECT, null=True, blank=True, related_name="+")
    pack_version = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=60)
    credits = models.BigIntegerField()
    bonus_credits = models.BigIntegerField(default=0)
    validity_days = models.PositiveIntegerField(null=True, blank=True)
    amount = models.PositiveIntegerField()  # US cents, tax included
    tax_name = models.CharField(max_length=40, blank=True)
    tax_percent = models.DecimalField(max_digits=7, decimal_places=4, default=0)

    state = models.CharField(max_length=8, choices=State.choices, default=State.SETTLING)
    transaction = models.CharField(max_length=80, blank=True)
    problem = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveIntegerField(default=1)
    leased_until = models.DateTimeField()  # one process works on it until then
    created_at = models.DateTimeField(default=clock.now)
    credited_at = models.DateTimeField(null=True, blank=True)
    lot = models.OneToOneField(Lot, models.PROTECT, null=True, blank=True, related_name="+")
    bonus_lot = models.OneToOneField(Lot, models.PROTECT, null=True, blank=True, related_name="+")
    document = models.OneToOneField(Document, models.PROTECT, null=True, blank=True, related_name="+")
    # What staff decided of one that needed it.
    decided_by = models.CharField(max_length=200, blank=True)
    decided_why = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "payment in USDC"
        verbose_name_plural = "payments in USDC"
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="crypto_payment_list"),
            models.Index(fields=["leased_until"], condition=Q(state="settling"), name="crypto_payment_settling"),
            models.Index(fields=["-created_at"], condition=Q(state="review"), name="crypto_payment_review"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["network", "asset", "payer", "nonce"], name="crypto_payment_authorization_once"
            ),
            models.UniqueConstraint(
                fields=["workspace", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="crypto_payment_once_per_key",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["settling", "credited", "failed", "review", "closed"]),
                name="crypto_payment_state",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, credits__gt=0, bonus_credits__gte=0), name="crypto_credits"
            ),
            models.CheckConstraint(condition=Q(units=F("amount") * UNITS_PER_CENT), name="crypto_amount_is_its_units"),
            models.CheckConstraint(condition=Q(version__in=[1, 2]), name="crypto_payment_version"),
            models.CheckConstraint(
                condition=Q(nonce__regex=r"^0x[0-9a-f]{64}$")
                & Q(payer__regex=r"^0x[0-9a-f]{40}$")
                & Q(asset__regex=r"^0x[0-9a-f]{40}$"),
                name="crypto_payment_in_lower_case",
            ),
            models.CheckConstraint(
                condition=Q(state="credited", lot__isnull=False, document__isnull=False, credited_at__isnull=False)
                & ~Q(transaction="")
                | (~Q(state="credited") & Q(lot=None, bonus_lot=None, document=None, credited_at=None)),
                name="crypto_payment_credited_has_its_lot",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def total_credits(self) -> int:
        return self.credits + self.bonus_credits

    @property
    def transaction_url(self) -> str:
        return transaction_url(self.network, self.transaction, self.pay_to)

    @property
    def simulated(self) -> bool:
        """Test money of the demo's stand-in."""
        return is_simulated(self.pay_to)
