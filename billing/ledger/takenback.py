"""What of a lot was taken back, and what can be. Amounts are nano-credits."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet, Sum

from billing.credits import clock
from billing.ledger.accounts import EXTEND
from billing.ledger.asof import open_lots
from billing.ledger.models import Lot, LotExtension, LotTake, Operation, Transfer


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
    lots = gone_on(lot)
    there = {each.id: each for each in open_lots(workspace_id, clock.now())}
    states = [there[each.pk] for each in lots if each.pk in there]
    unspent = sum(state.remaining if state.scheduled else state.free for state in states)
    back = taken_back(workspace_id, lot.seq)
    return Refundable(lot_id, lot.amount, unspent, back, lot.unit_price_usd, expired(lot_id))


def gone_on(lot: Lot) -> list[Lot]:
    """A lot and those in which it was extended, in the order of that."""
    found = [lot]
    for one in found:
        found += Lot.objects.filter(extends__lot=one).order_by("pk")
    return found


def taken_back(workspace_id: int, seq: int) -> int:
    """What refunds and reversals took back of what transfer `seq` brought in, less what was reversed of those; with
    what they took from the lots in which that one was extended.
    """
    back = Transfer.objects.filter(workspace_id=workspace_id, reverses__workspace_id=workspace_id, reverses__seq=seq)
    back = back.exclude(kind=EXTEND)
    again = Transfer.objects.filter(workspace_id=workspace_id, reverses__in=back)
    further = Lot.objects.filter(workspace_id=workspace_id, extends__lot__seq=seq).values_list("seq", flat=True)
    return _sum(back) - _sum(again) + sum(taken_back(workspace_id, each) for each in further)


def _sum(transfers: QuerySet[Transfer]) -> int:
    return int(transfers.aggregate(nano=Sum("amount"))["nano"] or 0)


def expired(lot_id: int) -> int:
    """What of a lot, and of those in which it was extended, was gone by its date, as far as that is posted."""
    takes = LotTake.objects.filter(lot=lot_id, transfer__kind="lot.expire")
    further = LotExtension.objects.filter(lot=lot_id).values_list("into", flat=True)
    return int(takes.aggregate(nano=Sum("amount"))["nano"] or 0) + sum(map(expired, further))


def reversed_before(workspace_id: int, operation_id: int) -> bool:
    """Whether a grant, adjustment or refund was taken back as a whole."""
    return Operation.objects.filter(
        workspace_id=workspace_id, reverses_id=operation_id, kind__endswith=".reverse"
    ).exists()
