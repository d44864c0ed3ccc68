"""The row of a payment: written and committed before any money can move, and then one process's at a time."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from accounts.models import Workspace
from billing.credits import clock
from billing.invoices.seller import seller
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.orders import Order
from billing.packs.x402.presented import Presented

State = CryptoPayment.State
# Longer than all that may be waited for while a payment is settled: the facilitator twice, the node several times.
LEASE = timedelta(seconds=120)


def payment_of(found: Presented) -> CryptoPayment | None:
    """The row of this authorization, whoever presented it first."""
    return CryptoPayment.objects.filter(**_authorization(found)).select_related("workspace").first()


def payment_under(workspace: Workspace, key: str) -> CryptoPayment | None:
    """What was paid, or is being paid, under a caller's own name for it."""
    if not key:
        return None
    rows = CryptoPayment.objects.filter(workspace=workspace, idempotency_key=key)
    return rows.exclude(state=State.FAILED).select_related("workspace").first()


def claim(
    workspace: Workspace, order: Order, found: Presented, *, key: str, label: str, from_block: int
) -> tuple[CryptoPayment, bool]:
    """The row of the payment, and whether this caller is the one who may settle it.

    The INSERT is the guard against replays. A row whose worker died, or that provably failed, is taken over by exactly
    one of those who present the same bytes again.
    """
    now, tax = clock.now(), seller()
    try:
        with transaction.atomic():
            made = CryptoPayment.objects.create(
                **_authorization(found),
                workspace=workspace,
                idempotency_key=key,
                buyer_label=label[:200],
                pay_to=found.rail.pay_to.lower(),
                units=found.units,
                valid_before=datetime.fromtimestamp(found.valid_before, UTC),
                version=found.version,
                digest=found.digest,
                payload=found.payload.model_dump(by_alias=True, exclude_none=True, mode="json"),
                requirements=found.requirements.model_dump(by_alias=True, exclude_none=True, mode="json"),
                from_block=from_block,
                pack=order.pack,
                pack_version=order.pack.version if order.pack else 0,
                name=order.name,
                credits=order.credits,
                bonus_credits=order.bonus_credits,
                validity_days=order.validity_days,
                amount=order.cents,
                tax_name=tax.tax_name if tax.tax_percent else "",
                tax_percent=tax.tax_percent,
                created_at=now,
                leased_until=now + LEASE,
            )
            return made, True
    except IntegrityError:
        known = payment_of(found) or payment_under(workspace, key)
        if known is None:
            raise
    mine = known.workspace_id == workspace.pk and known.digest == found.digest and take_over(known)
    return known, mine


def take_over(payment: CryptoPayment, *, failed_too: bool = True) -> bool:
    """Become the one who settles it, if nobody is at work on it; `payment` is then as it is in the database."""
    now = clock.now()
    free = Q(state=State.SETTLING, leased_until__lt=now)
    if failed_too:
        free |= Q(state=State.FAILED)
    rows = CryptoPayment.objects.filter(free, pk=payment.pk)
    won = rows.update(state=State.SETTLING, leased_until=now + LEASE, attempts=F("attempts") + 1)
    payment.refresh_from_db()
    return bool(won)


def left_behind(now: datetime, limit: int) -> Iterable[CryptoPayment]:
    """Those that nobody works on any more, the oldest first."""
    rows = CryptoPayment.objects.filter(state=State.SETTLING, leased_until__lt=now)
    return rows.select_related("workspace").order_by("leased_until")[:limit]


def _authorization(found: Presented) -> dict[str, str]:
    return {
        "network": found.rail.network,
        "asset": found.rail.asset.lower(),
        "payer": found.payer,
        "nonce": found.nonce,
    }
