"""The statement of a month: what was there, what came in, what went out, what was left, for each source of credits.

Stamps decide to which month something belongs, as they decide its place in the chain: usage that was reported late is
on the statement of the month in which it was booked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.ledger.accounts import HELD
from billing.ledger.asof import as_of
from billing.ledger.trial.entries import PER_DAY, Head, head_before
from billing.ledger.trial.flows import Flow, flows, snapshot
from billing.ledger.trial.lines import LINES, REPAID, ROWS, changes

DUE = {  # what will be posted by the clock: its accounts
    "lot.start": ("scheduled", "available"),
    "lot.expire": ("available", "expired"),
    "debt.repay": ("available", "debt"),
    "hold.expire": ("held", "available"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """In nano-credits, both at least 0."""

    came_in: int = 0
    went_out: int = 0

    @property
    def net(self) -> int:
        return self.came_in - self.went_out

    def __add__(self, other: "Cell") -> "Cell":
        return Cell(self.came_in + other.came_in, self.went_out + other.went_out)


@dataclass(frozen=True, slots=True)
class Totals:
    """opening + came_in − went_out + repaid = closing. `repaid` is what paid for what was owed: negative in the row of
    the credits that paid, positive in the row `owed`, zero in all.
    """

    opening: int
    came_in: int
    went_out: int
    repaid: int
    held: int

    @property
    def closing(self) -> int:
        return self.opening + self.came_in - self.went_out + self.repaid


@dataclass(frozen=True, slots=True)
class DayUsage:
    """Usage of one row in a day."""

    since: datetime
    until: datetime
    row: str
    amount: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """`since` to `until`: the month, which is `running` at `as_of` or over. `due` is what has happened by the clock and
    was not posted yet. Rows are plan, promotion, bought and owed.
    """

    since: datetime
    until: datetime
    as_of: datetime
    opening: Mapping[str, int]
    cells: Mapping[tuple[str, str], Cell]
    held: Mapping[str, int]
    days: tuple[DayUsage, ...]
    due: tuple[Flow, ...]
    head: Head | None

    @property
    def running(self) -> bool:
        return self.since <= self.as_of < self.until

    def cell(self, row: str | None, line: str | None) -> Cell:
        """Of one row and line; None means all of them."""
        return sum(
            (cell for (r, ln), cell in self.cells.items() if row in (None, r) and line in (None, ln)), start=Cell()
        )

    def totals(self, row: str | None = None) -> Totals:
        """Of one row, or of all."""
        moved = sum((self.cell(row, line) for line in LINES if line != REPAID), start=Cell())
        rows = ROWS if row is None else (row,)
        return Totals(
            opening=sum(self.opening.get(each, 0) for each in rows),
            came_in=moved.came_in,
            went_out=moved.went_out,
            repaid=self.cell(row, REPAID).net,
            held=sum(self.held.get(each, 0) for each in rows),
        )


def statement(workspace_id: int, days: Sequence[datetime], *, now: datetime) -> Statement:
    """The statement of a month whose days begin at `days`; the last of them is the beginning of the next month."""
    since, until = days[0], days[-1]
    with snapshot():
        posted = flows(workspace_id, days, to_the_end=False)
        due = _due(workspace_id, now, len(days) - 1) if since <= now < until else ()
        head = head_before(workspace_id, until)
    before = [flow for flow in posted if flow.bucket == 0]
    within = [*(flow for flow in posted if 0 < flow.bucket < len(days)), *due]
    opening = dict.fromkeys(ROWS, 0)
    for flow in before:
        for row, _line, amount in _changes(flow):
            opening[row] += amount
    return Statement(
        since=since,
        until=until,
        as_of=now,
        opening=opening,
        cells=_cells(within),
        held=_held([*before, *within]),
        days=tuple(_usage(within, days)),
        due=tuple(due),
        head=head,
    )


def _due(workspace_id: int, now: datetime, bucket: int) -> Sequence[Flow]:
    return [Flow(bucket, kind, *DUE[kind], lot.source, amount) for kind, lot, amount in as_of(workspace_id, now).moved]


def _changes(flow: Flow) -> Iterable[tuple[str, str, int]]:
    return changes(flow.kind, flow.debit, flow.credit, flow.source, flow.amount)


def _cells(found: Iterable[Flow]) -> dict[tuple[str, str], Cell]:
    cells: dict[tuple[str, str], Cell] = {}
    for flow in found:
        for row, line, amount in _changes(flow):
            cell = Cell(amount, 0) if amount > 0 else Cell(0, -amount)
            cells[row, line] = cells.get((row, line), Cell()) + cell
    return cells


def _held(found: Iterable[Flow]) -> dict[str, int]:
    held = dict.fromkeys(ROWS, 0)
    for flow in found:
        if change := (flow.credit == HELD) - (flow.debit == HELD):
            held[flow.source] += change * flow.amount
    return held


def _usage(found: Iterable[Flow], days: Sequence[datetime]) -> Iterable[DayUsage]:
    """Usage per day and row, in order."""
    used: dict[tuple[int, str], int] = {}
    for flow in found:
        if flow.kind in PER_DAY:
            for row, _line, amount in _changes(flow):
                used[flow.bucket, row] = used.get((flow.bucket, row), 0) + amount
    for day, row in sorted(used, key=lambda each: (each[0], ROWS.index(each[1]))):
        yield DayUsage(days[day - 1], days[day], row, used[day, row])
