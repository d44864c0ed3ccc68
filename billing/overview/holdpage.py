"""One hold in full: its lots, how it ended, and the request that settled it. Amounts are nano-credits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Workspace
from billing.ledger.accounts import DEBT, HELD, SPENT
from billing.ledger.held import HoldRow, Pinned
from billing.ledger.models import HoldExtension, LotTake, Operation, Transfer
from billing.metering.models import AllowanceHold, UsageEvent
from billing.overview.holds import HoldLine, lines_of
from billing.usage.holds import hold_details
from billing.usage.models import Authorization

BASIS = {
    "given": "the quantities that were named",
    "history": "recent requests like it",
    "default": "usual quantities",
    "worst_case": "the most that the request could cost",
    "max_credits": "the amount that was asked for",
}


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A lot's part of the hold; `used` of it paid for the request."""

    lot: Pinned
    used: int


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What it cost: `from_hold` was set aside for it, the rest was taken from the balance or is owed. A
    request that was reported after its hold had expired is paid from the balance alone.
    """

    amount: int
    from_hold: int
    debt: int

    @property
    def from_balance(self) -> int:
        return self.amount - self.from_hold - self.debt


@dataclass(frozen=True, kw_only=True)
class HoldPage:
    line: HoldLine
    asked: Authorization | None
    pins: tuple[Pin, ...]
    reserved: tuple[AllowanceHold, ...]  # quantities that the plan includes
    placed: Transfer | None  # None: nothing was set aside
    ending: tuple[Transfer, ...]
    ended_by: Operation | None
    extensions: tuple[HoldExtension, ...]
    charge: Charge | None
    event: UsageEvent | None

    @property
    def row(self) -> HoldRow:
        return self.line.row

    @property
    def basis(self) -> str:
        return BASIS.get(self.asked.basis, "") if self.asked else ""

    @property
    def free_again(self) -> int:
        """What was set aside and not needed."""
        return self.row.amount - (self.charge.from_hold if self.charge else 0)

    @property
    def off_by(self) -> int | None:
        """How much less (negative) or more was charged than expected, in percent of what was expected."""
        if not self.charge or not self.asked or not self.asked.expected:
            return None
        return round(100 * (self.charge.amount - self.asked.expected) / self.asked.expected)


def hold_page(workspace: Workspace, pk: int, now: datetime | None = None) -> HoldPage | None:
    """Everything about a hold of this workspace."""
    found = hold_details(workspace.pk, pk, now)
    if found is None:
        return None
    row, event = found.hold, found.event
    (line,) = lines_of(workspace, [row])
    charged_by = event.operation_id if event else None
    operations = {pk, row.resolved_by, charged_by} - {None}
    transfers = list(Transfer.objects.filter(operation_id__in=operations).order_by("seq"))
    used = _used(transfers)
    return HoldPage(
        line=line,
        asked=found.authorization,
        pins=tuple(Pin(lot=pin, used=used.get(pin.lot_id, 0)) for pin in row.pins),
        reserved=tuple(AllowanceHold.objects.filter(hold_id=pk).select_related("allowance")),
        placed=next((transfer for transfer in transfers if transfer.operation_id == pk), None),
        ending=tuple(transfer for transfer in transfers if transfer.operation_id == row.resolved_by),
        ended_by=Operation.objects.filter(pk=row.resolved_by).first() if row.resolved_by else None,
        extensions=tuple(HoldExtension.objects.filter(hold_id=pk).order_by("pk")),
        charge=_charge(transfers) if event or row.status == "settled" else None,
        event=event,
    )


def _used(transfers: Sequence[Transfer]) -> dict[int, int]:
    """What each lot paid of what was pinned in it."""
    settled = [transfer.pk for transfer in transfers if (transfer.debit, transfer.credit) == (HELD, SPENT)]
    used: dict[int, int] = {}
    for take in LotTake.objects.filter(transfer__in=settled):
        used[take.lot_id] = used.get(take.lot_id, 0) + take.amount
    return used


def _charge(transfers: Sequence[Transfer]) -> Charge:
    charged = [transfer for transfer in transfers if transfer.credit == SPENT]

    def of(account: str) -> int:
        return sum(transfer.amount for transfer in charged if transfer.debit == account)

    return Charge(amount=sum(t.amount for t in charged), from_hold=of(HELD), debt=of(DEBT))
