"""Does each reversal take back what its event was charged, and nothing else? A part of verify_usage."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from billing.metering.keys import CHARGES
from billing.metering.verify_hours import Totals

CHUNK = 2_000

_REVERSALS = """
SELECT r.event_id, r.operation_id, r.amount, r.cancelled, e.workspace_id, e.amount, e.operation_id, e."offset",
    date_trunc('hour', e.booked_at, 'UTC'), o.workspace_id, o.reverses_id, e.end_user <> ''
FROM metering_eventreversal r
JOIN metering_usageevent e ON e.id = r.event_id
LEFT JOIN ledger_operation o ON o.id = r.operation_id
WHERE r.workspace_id = %s AND r.event_id > %s AND (r.operation_id IS NULL OR r.operation_id <= %s)
ORDER BY r.event_id LIMIT %s
"""
_CHARGED = """
SELECT operation_id, id, amount FROM ledger_transfer WHERE operation_id = ANY(%s) AND kind = ANY(%s)
ORDER BY operation_id, seq
"""
_BACK = """
SELECT operation_id, reverses_id, sum(amount), coalesce(sum(amount) FILTER (WHERE credit = 'debt'), 0)
FROM ledger_transfer WHERE operation_id = ANY(%s) AND kind = 'usage.reverse' GROUP BY operation_id, reverses_id
"""
_STRAY = """
SELECT DISTINCT t.operation_id FROM ledger_transfer t
WHERE t.workspace_id = %s AND t.reverses_id IS NOT NULL AND t.kind = 'usage.reverse' AND t.operation_id <= %s
    AND NOT EXISTS (SELECT 1 FROM metering_eventreversal r
        WHERE r.operation_id = t.operation_id AND r.workspace_id = t.workspace_id)
LIMIT 20
"""


class _Reversal(NamedTuple):
    event: int
    operation: int | None
    amount: int
    cancelled: int
    workspace: int
    charged: int
    charge: int | None
    offset: int
    hour: datetime
    owner: int | None
    reverses: int | None
    named: bool  # whether the event names an end user


class Taken(NamedTuple):
    """Nano-credits taken back per hour, also of events with an end user alone, and (code, detail) of what is wrong."""

    hours: Mapping[datetime, int]
    of_end_users: Mapping[datetime, int]
    problems: Sequence[tuple[str, str]]


def taken_back(workspace_id: int, totals: Totals) -> Taken:
    """The reversals of a workspace; in the sums those that had been made when the totals of their hour were read."""
    last_operation = totals.last.last_operation
    hours: defaultdict[datetime, int] = defaultdict(int)
    of_end_users: defaultdict[datetime, int] = defaultdict(int)
    problems: list[tuple[str, str]] = []
    last = 0
    while rows := [_Reversal(*row) for row in _rows(_REVERSALS, workspace_id, last, last_operation, CHUNK)]:
        for row in rows:
            if row.operation is not None and row.operation > totals.moment(row.hour).last_operation:
                continue
            hours[row.hour] += row.amount
            if row.named:
                of_end_users[row.hour] += row.amount
        problems += [("reversal", f"that of event {event} {wrong}") for event, wrong in _wrong(workspace_id, rows)]
        last = rows[-1].event
    for (operation,) in _rows(_STRAY, workspace_id, last_operation):
        problems.append(("reversal", f"operation {operation} takes usage back, and no event was reversed by it"))
    return Taken(hours, of_end_users, problems)


def _wrong(workspace_id: int, rows: Sequence[_Reversal]) -> Iterator[tuple[int, str]]:
    charged: dict[int, list[tuple[int, int]]] = {}
    charges = sorted({row.charge for row in rows if row.charge is not None})
    for operation, transfer, amount in _rows(_CHARGED, charges, list(CHARGES)):
        charged.setdefault(operation, []).append((transfer, amount))
    back: dict[int, dict[int, int]] = {}
    cancelled: defaultdict[int, int] = defaultdict(int)
    operations = [row.operation for row in rows if row.operation is not None]
    for operation, transfer, amount, debt in _rows(_BACK, operations):
        back.setdefault(operation, {})[transfer] = int(amount)
        cancelled[operation] += int(debt)
    for row in rows:
        if row.workspace != workspace_id or row.amount != row.charged:
            yield row.event, f"gives back {row.amount}, the event cost {row.charged}"
        elif row.operation is None or row.charge is None:
            continue
        elif row.owner != workspace_id or row.reverses != row.charge:
            yield row.event, "names an operation that does not reverse the one which charged it"
        elif back.get(row.operation, {}) != _within(charged.get(row.charge, []), row.offset, row.charged):
            yield row.event, "does not mirror the transfers that charged it"
        elif cancelled[row.operation] != row.cancelled:
            yield row.event, f"cancelled {cancelled[row.operation]} of debt, it says {row.cancelled}"


def _within(transfers: Sequence[tuple[int, int]], start: int, amount: int) -> dict[int, int]:
    """What of each transfer lies in [start, start + amount)."""
    found: dict[int, int] = {}
    at = 0
    for transfer, size in transfers:
        part = min(start + amount, at + size) - max(start, at)
        if part > 0:
            found[transfer] = part
        at += size
    return found


def _rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
