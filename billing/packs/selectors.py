"""Reading packs and purchases."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import QuerySet, Sum

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.cache import TimedCache
from billing.invoices.money import major
from billing.packs.hooks import plan_key
from billing.packs.models import MoneyBack, Pack, PaymentPolicy, Purchase
from billing.packs.promotions import Terms, terms
from billing.packs.shares import unit_price
from billing.packs.x402.models import CryptoPayment

Status = Purchase.Status
KEEP_SECONDS = 5


@dataclass(frozen=True)
class Offer:
    """A pack as a workspace may buy it now."""

    pack: Pack
    terms: Terms

    @property
    def credits(self) -> int:
        """Nano-credits, all of them."""
        return self.pack.total_credits + self.terms.promotion_credits

    @property
    def unit_price(self) -> Decimal:
        """Of a credit, whatever it is called on the invoice, in the currency's major unit."""
        return unit_price(major(self.terms.amount, self.pack.currency), self.credits)

    @property
    def expires_at(self) -> object:
        days = self.pack.validity_days
        return clock.now() + timedelta(days=days) if days else None


def packs_for(workspace: Workspace) -> list[Pack]:
    """What this workspace can buy, in the operator's order."""
    plan, now = plan_key(workspace.pk), clock.now()
    found = Pack.objects.filter(active=True)
    return [pack for pack in found if pack.on_offer(now) and (not pack.plans or plan in pack.plans)]


def offers_for(workspace: Workspace) -> list[Offer]:
    return [Offer(pack, terms(pack, None)) for pack in packs_for(workspace)]


def pack_for(workspace: Workspace, key: str) -> Pack | None:
    return next((pack for pack in packs_for(workspace) if pack.key == key), None)


def purchases(workspace: Workspace) -> QuerySet[Purchase]:
    return Purchase.objects.filter(workspace=workspace).select_related("document", "lot", "bonus_lot", "promotion_lot")


def purchase_named(workspace: Workspace, public_id: str) -> Purchase | None:
    if "\0" in public_id:
        return None
    return purchases(workspace).filter(public_id=public_id).first()


def in_flight(workspace_id: int) -> QuerySet[Purchase]:
    """Begun and not ended: Checkout is open, or the money is there and the credits are not."""
    return Purchase.objects.filter(workspace=workspace_id, status__in=[Status.OPEN, Status.PAID])


def pending(workspace_id: int) -> int:
    """Nano-credits of purchases in flight, those in USDC among them."""
    parts = in_flight(workspace_id).aggregate(Sum("credits"), Sum("bonus_credits"), Sum("promotion_credits"))
    on_their_way = CryptoPayment.objects.filter(workspace=workspace_id, state=CryptoPayment.State.SETTLING)
    in_usdc = on_their_way.aggregate(Sum("credits"), Sum("bonus_credits"))
    # Added here: more than a column holds, if need be.
    return sum(int(nano or 0) for nano in (*parts.values(), *in_usdc.values()))


def policy() -> PaymentPolicy:
    return PaymentPolicy.objects.filter(pk=1).first() or PaymentPolicy(pk=1)


def open_disputes() -> QuerySet[MoneyBack]:
    return MoneyBack.objects.filter(kind=MoneyBack.Kind.DISPUTE, status=MoneyBack.Status.OPEN)


def suspended(workspace_id: int) -> bool:
    """Whether new requests are declined because a payment is disputed; at most 5 seconds old."""
    return workspace_id in _suspended.get(1)


def forget_suspended() -> None:
    _suspended.clear()


def _load(_: int) -> frozenset[int]:
    if policy().on_dispute != PaymentPolicy.Dispute.SUSPEND:
        return frozenset()
    return frozenset(open_disputes().values_list("purchase__workspace_id", flat=True))


_suspended: TimedCache[int, frozenset[int]] = TimedCache(_load, seconds=KEEP_SECONDS)
