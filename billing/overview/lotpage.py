"""One lot in full: where it came from, where it went, day by day. Amounts are nano-credits.

A lot may have paid for very many requests, so a page reads so many of its takes and no more, latest first.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import F
from django.utils import timezone

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import credits
from billing.ledger.accounts import IN_LOTS
from billing.ledger.models import LotTake, Transfer
from billing.ledger.selectors import HoldRow, LotRow, Refundable, holds, lot, refundable
from billing.metering.keys import CHARGES
from billing.overview.holds import HoldLine, lines_of
from billing.overview.words import kind_words

TAKES = 2_000  # that a page of days reads
ENTRIES = 100  # of a day, one by one
PINNING = 200  # open holds that are looked at


class Taken(NamedTuple):
    """What one entry did to the lot: `delta` is negative where credits left it."""

    id: int
    delta: int
    seq: int
    kind: str
    at: datetime


@dataclass(kw_only=True)
class Line:
    """Entries of one kind on one day. `seq` is that of the latest one."""

    title: str
    icon: str
    usage: bool
    delta: int = 0
    count: int = 0
    seq: int = 0


@dataclass(kw_only=True)
class Day:
    """`first` and `last` bound the takes that it sums up: the address of its entries."""

    day: date
    first: int
    last: int
    delta: int = 0
    count: int = 0
    lines: dict[str, Line] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Days:
    """`cursor` of the next page, empty on the last one. `totals` sum the whole lot, where one page shows all of it."""

    days: tuple[Day, ...]
    cursor: str
    totals: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class LotPage:
    row: LotRow
    origin: Transfer
    refundable: Refundable
    holds: tuple[tuple[HoldLine, int], ...]  # open ones, with what each pins of it

    @property
    def gone(self) -> int:
        """What left it for good."""
        return self.row.amount - self.row.remaining

    @property
    def price_paid(self) -> Decimal | None:
        """US dollars for the whole lot."""
        return self._at_price_paid(self.row.amount)

    @property
    def unused(self) -> int:
        """What could be paid back without anything becoming debt."""
        return min(self.refundable.unspent, self.refundable.most)

    @property
    def unused_usd(self) -> Decimal | None:
        return self._at_price_paid(self.unused)

    def _at_price_paid(self, nano: int) -> Decimal | None:
        price = self.row.unit_price_usd
        return None if price is None else credits(nano) * price


def lot_page(workspace: Workspace, lot_id: int, now: datetime | None = None) -> LotPage | None:
    """What a lot of this workspace is, without its takes."""
    now = now or clock.now()
    row, back = lot(workspace.pk, lot_id, now), refundable(workspace.pk, lot_id)
    if row is None or back is None:
        return None
    origin = Transfer.objects.select_related("operation").get(workspace_id=workspace.pk, seq=row.seq)
    pinning: list[tuple[HoldRow, int]] = []
    if row.held:
        found = holds(workspace.pk, now, limit=PINNING)
        pinning = [(hold, pin.amount) for hold in found for pin in hold.pins if pin.lot_id == lot_id]
    lines = lines_of(workspace, [hold for hold, _ in pinning])
    return LotPage(
        row=row,
        origin=origin,
        refundable=back,
        holds=tuple(zip(lines, (amount for _, amount in pinning), strict=True)),
    )


def lot_days(lot_id: int, *, before: int | None = None) -> Days:
    """What the lot's latest takes before `before` add up to, by day and kind."""
    found, cursor = _page(lot_id, before=before, after=None, limit=TAKES)
    days: list[Day] = []
    for taken in found:
        day = timezone.localdate(taken.at)
        if not days or days[-1].day != day:
            days.append(Day(day=day, first=taken.id, last=taken.id))
        days[-1].first = taken.id
        days[-1].delta += taken.delta
        days[-1].count += 1
        _add(days[-1].lines, taken)
    totals: dict[str, Line] = {}
    if before is None and not cursor:
        for taken in found:
            _add(totals, taken)
    return Days(days=tuple(days), cursor=cursor, totals=tuple(totals.values()))


def lot_entries(lot_id: int, *, first: int, last: int) -> tuple[list[Taken], str]:
    """The latest takes from `last` back to `first`, one by one, and the `last` of the next page."""
    found, cursor = _page(lot_id, before=last + 1, after=first - 1, limit=ENTRIES)
    return found, str(int(cursor) - 1) if cursor else ""


def _add(lines: dict[str, Line], taken: Taken) -> None:
    title, icon, _tone = kind_words(taken.kind)
    usage = taken.kind in CHARGES
    line = lines.setdefault("usage" if usage else taken.kind, Line(title=title, icon=icon, usage=usage))
    line.title = kind_words("usage.spend")[0] if usage else title
    line.delta += taken.delta
    line.count += 1
    line.seq = line.seq or taken.seq


def _page(lot_id: int, *, before: int | None, after: int | None, limit: int) -> tuple[list[Taken], str]:
    """Takes that changed what is in the lot, latest first, out of `limit` rows. What a hold pins or lets go stays in
    the lot and is left out.
    """
    takes = LotTake.objects.filter(lot_id=lot_id)
    if before is not None:
        takes = takes.filter(id__lt=before)
    if after is not None:
        takes = takes.filter(id__gt=after)
    # The sum keeps the planner from walking the primary key backwards past all other lots' takes.
    rows = list(takes.order_by((F("id") + 0).desc()).values_list("id", "transfer_id", "amount")[: limit + 1])
    transfers = Transfer.objects.in_bulk([transfer_id for _, transfer_id, _ in rows[:limit]])
    found = list(_moved((pk, transfers[transfer_id], amount) for pk, transfer_id, amount in rows[:limit]))
    return found, str(rows[limit - 1][0]) if len(rows) > limit else ""


def _moved(rows: Iterable[tuple[int, Transfer, int]]) -> Iterable[Taken]:
    for pk, transfer, amount in rows:
        if not (transfer.debit in IN_LOTS and transfer.credit in IN_LOTS):
            yield Taken(pk, -amount, transfer.seq, transfer.kind, transfer.created_at)
