"""The movements of a month one by one, usage summed per day, in the order of their time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge

from billing.ledger.trial.entries import Entry, entries
from billing.ledger.trial.lines import USED, changes
from billing.ledger.trial.statement import Statement

CHUNK = 500
USAGE = "usage"  # the kind of a day's usage


@dataclass(frozen=True, kw_only=True, slots=True)
class Movement:
    """What a row gained (or lost) on a line. `until` is given for a day of usage, `seq` for an entry of the ledger;
    neither for what the clock has done and nobody has posted yet.
    """

    at: datetime
    until: datetime | None = None
    seq: int | None = None
    kind: str
    row: str
    line: str
    amount: int
    label: str = ""
    more_labels: int = 0
    reason: str = ""


def movements(workspace_id: int, of: Statement, *, row: str = "", line: str = "") -> Iterator[Movement]:
    """All of them, or those of one row or line; read chunk by chunk as they are asked for. They add up to the
    statement's cells.
    """
    days = (_day(of, place) for place in range(len(of.days)))
    for _, movement in merge(days, _booked(workspace_id, of), key=lambda each: each[0]):
        if row in ("", movement.row) and line in ("", movement.line):
            yield movement
    for flow in of.due:
        for at_row, on_line, amount in changes(flow.kind, flow.debit, flow.credit, flow.source, flow.amount):
            if row in ("", at_row) and line in ("", on_line):
                yield Movement(at=of.as_of, kind=flow.kind, row=at_row, line=on_line, amount=amount)


def _day(of: Statement, place: int) -> tuple[datetime, Movement]:
    # Placed at the day's end, where its sum is reached.
    day = of.days[place]
    return day.until, Movement(at=day.since, until=day.until, kind=USAGE, row=day.row, line=USED, amount=day.amount)


def _booked(workspace_id: int, of: Statement) -> Iterator[tuple[datetime, Movement]]:
    if of.head is None:
        return
    after = 0
    while True:
        found = entries(workspace_id, since=of.since, until=of.until, after=after, last=of.head.seq, limit=CHUNK)
        for entry in found:
            yield from ((entry.at, movement) for movement in _of_entry(entry))
        if len({entry.seq for entry in found}) < CHUNK:
            return
        after = found[-1].seq


def _of_entry(entry: Entry) -> Iterator[Movement]:
    for row, line, amount in changes(entry.kind, entry.debit, entry.credit, entry.source, entry.amount):
        yield Movement(
            at=entry.at,
            seq=entry.seq,
            kind=entry.kind,
            row=row,
            line=line,
            amount=amount,
            label=entry.label,
            more_labels=entry.more_labels,
            reason=entry.reason,
        )
