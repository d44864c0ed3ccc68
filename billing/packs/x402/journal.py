"""The row of a payment: written and committed before any money can move, and then one process's at a time."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.models import Workspace
from billing.credits import clock
from billing.invoices.seller import seller
from billing.packs.x402.errors import OtherOrder
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.orders import Asked, Order
from billing.packs.x402.presented import Presented

State = CryptoPayment.State
SENT_BEFORE = (
    "It was sent before it was presented here. Everybody can read it on the network since, so who presented it proves"
    " nothing."
)
# Longer than what is waited for while a payment is settled: the facilitator twice, the node five times. Should it be
# over all the same, another process goes on, and what the first one finds is not written any more.
LEASE = timedelta(seconds=180)


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
    workspace: Workspace,
    order: Order,
    found: Presented,
    *,
    key: str,
    label: str,
    from_block: int,
    spent_in: str = "",
) -> tuple[CryptoPayment, bool]:
    """The row of the payment, and whether this caller is the one who may settle it. `spent_in`: the transaction in
    which it was sent before it was presented here; such a one is never settled, a person decides.

    The INSERT is the guard against replays. A row whose worker died is taken over by exactly one of those who present
    the same bytes again. Raises OtherOrder: they were presented for something else.
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
                state=State.REVIEW if spent_in else State.SETTLING,
                transaction=spent_in,
                problem=SENT_BEFORE if spent_in else "",
            )
            return made, True
    except IntegrityError:
        known = payment_of(found) or payment_under(workspace, key)
        if known is None:
            raise
    if known.workspace_id != workspace.pk or known.digest != found.digest:
        return known, False
    of_the_same(known, order.asked)
    return known, take_over(known)


def of_the_same(payment: CryptoPayment, asked: Asked) -> None:
    """The pack may cost something else by now, or be gone. Raises OtherOrder."""
    if asked != (Asked(pack=payment.pack.key) if payment.pack else Asked(cents=payment.amount)):
        raise OtherOrder


def take_over(payment: CryptoPayment) -> bool:
    """Become the one who settles it, if nobody is at work on it; `payment` is then as it is in the database."""
    now = clock.now()
    rows = CryptoPayment.objects.filter(pk=payment.pk, state=State.SETTLING, leased_until__lt=now)
    won = rows.update(leased_until=now + LEASE, attempts=F("attempts") + 1)
    payment.refresh_from_db()
    return bool(won)


def left_behind(now: datetime, limit: int) -> Iterable[CryptoPayment]:
    """Those that nobody works on any more, the oldest first."""
    rows = CryptoPayment.objects.filter(state=State.SETTLING, leased_until__lt=now)
    return rows.select_related("workspace").order_by("leased_until")[:limit]


def long_on_their_way(now: datetime) -> Iterable[str]:
    """Public ids of the first few that have no end yet, half an hour after they came."""
    rows = CryptoPayment.objects.filter(state=State.SETTLING, created_at__lt=now - timedelta(minutes=30))
    return rows.order_by("created_at").values_list("public_id", flat=True)[:5]


def _authorization(found: Presented) -> dict[str, str]:
    return {
        "network": found.rail.network,
        "asset": found.rail.asset.lower(),
        "payer": found.payer,
        "nonce": found.nonce,
    }
