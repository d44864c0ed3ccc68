"""What of a lot was taken back, and what can be. Amounts are nano-credits."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet, Sum

from billing.credits import clock
from billing.ledger.asof import open_lots
from billing.ledger.models import Lot, LotTake, Operation, Transfer


@dataclass(frozen=True, slots=True)
class Refundable:
    """Of a lot: `unspent` is there and not held, `most` is what can be taken back at all (what is spent already
    becomes debt then), `taken_back` was before, `expired` is gone by its date, as far as that is posted.
    `unit_price_usd` was paid per credit, None for a lot nobody paid for.
    """

    lot_id: int
    amount: int
    unspent: int
    taken_back: int
    unit_price_usd: Decimal | None
    expired: int

    @property
    def most(self) -> int:
        return self.amount - self.taken_back


def refundable(workspace_id: int, lot_id: int) -> Refundable | None:
    """What can be taken back of a lot of this workspace."""
    lot = Lot.objects.filter(workspace_id=workspace_id, pk=lot_id).first()
    if lot is None:
        return None
    state = next((each for each in open_lots(workspace_id, clock.now()) if each.id == lot_id), None)
    unspent = (state.remaining if state.scheduled else state.free) if state else 0
    back = taken_back(workspace_id, lot.seq)
    return Refundable(lot_id, lot.amount, unspent, back, lot.unit_price_usd, expired(lot_id))


def taken_back(workspace_id: int, seq: int) -> int:
    """What refunds and reversals took back of what transfer `seq` brought in, less what was reversed of those."""
    back = Transfer.objects.filter(workspace_id=workspace_id, reverses__workspace_id=workspace_id, reverses__seq=seq)
    again = Transfer.objects.filter(workspace_id=workspace_id, reverses__in=back)
    return _sum(back) - _sum(again)


def _sum(transfers: QuerySet[Transfer]) -> int:
    return int(transfers.aggregate(nano=Sum("amount"))["nano"] or 0)


def expired(lot_id: int) -> int:
    """What of a lot was gone by its date, as far as that is posted."""
    takes = LotTake.objects.filter(lot=lot_id, transfer__kind="lot.expire")
    return int(takes.aggregate(nano=Sum("amount"))["nano"] or 0)


def reversed_before(workspace_id: int, operation_id: int) -> bool:
    """Whether a grant, adjustment or refund was taken back as a whole."""
    return Operation.objects.filter(
        workspace_id=workspace_id, reverses_id=operation_id, kind__endswith=".reverse"
    ).exists()
