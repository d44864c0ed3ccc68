"""Does usage add up? Recomputed from the events alone, in chunks; a check of verify_ledger.

The hourly totals are read under the wallet lock, a month at a time (verify_hours). What an event was charged, or given
back of it, never changes: so both may be streamed afterwards, in short statements, while new ones come in. An event
that waited for a price is charged once; where that came after its month was read, its operation is later than that
moment, and it counts as not charged yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from billing.ledger.records import Problem
from billing.metering.keys import CHARGES, items_digest
from billing.metering.verify_counts import count_problems
from billing.metering.verify_holds import hold_problems
from billing.metering.verify_hours import Hours, Totals, read_totals
from billing.metering.verify_reversals import taken_back

CHUNK = 2_000
MOST_PROBLEMS = 20

_EVENTS = """
SELECT occurred_at, id, date_trunc('hour', booked_at, 'UTC'),
    amount, operation_id, priced_at, end_user <> '', upstream
FROM metering_usageevent
WHERE workspace_id = %s AND (occurred_at, id) < (%s, %s) AND id <= %s ORDER BY occurred_at DESC, id DESC LIMIT %s
"""

# One statement sees both sides of what one transaction wrote.
_PRICED_LATER = """
SELECT coalesce(sum(priced_later_amount), 0), coalesce(sum(priced_here), 0) FROM metering_hourtotal
WHERE workspace_id = %s
"""

_CHARGES = """
SELECT seq, operation_id FROM ledger_transfer
WHERE workspace_id = %s AND seq > %s AND seq <= %s AND kind = ANY(%s) ORDER BY seq LIMIT %s
"""
_TRANSFERS = """
SELECT operation_id, sum(amount), max(seq), array_agg(DISTINCT items_digest) FROM ledger_transfer
WHERE operation_id = ANY(%s) AND kind = ANY(%s) GROUP BY operation_id
"""
_ITEMS = """
SELECT operation_id, event_id, amount, "offset" FROM metering_usageevent WHERE operation_id = ANY(%s)
ORDER BY operation_id, "offset", id
"""
# The index of operations is walked from end to end for each of them, or once for a range.
_ITEMS_IN_RANGE = """
SELECT operation_id, event_id, amount, "offset" FROM metering_usageevent
WHERE operation_id BETWEEN %s AND %s AND operation_id + 0 = ANY(%s) ORDER BY operation_id, "offset", id
"""
FAR_APART = 20  # operations of others between each two: then a range would read too much


@dataclass
class _Check:
    workspace_id: int
    problems: list[Problem] = field(default_factory=list)

    def add(self, code: str, detail: str, seq: int | None = None) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(self.workspace_id, code, detail, seq))


def verify_usage(workspace_id: int) -> list[Problem]:
    """What does not add up between events, their charges in the ledger, and the hourly totals of a workspace."""
    check = _Check(workspace_id)
    totals = read_totals(workspace_id)
    if totals is None:
        return []
    counted, of_end_users, upstream = _count_events(check, totals)
    taken = taken_back(workspace_id, totals)
    for net, back in ((counted, taken.hours), (of_end_users, taken.of_end_users)):
        for hour, amount in back.items():
            charged, requests = net.get(hour, (0, 0))
            net[hour] = charged - amount, requests
    for hour, (_, requests) in totals.sums["earlier"].items():
        charged, own = counted.get(hour, (0, 0))
        counted[hour] = charged, own + requests
    given = {hour: (amount, 0) for hour, amount in taken.hours.items() if amount}
    for code, name, events in (
        ("hour_total", "the total", counted),
        ("hour_usage", "the breakdown", counted),
        ("hour_upstream", "the upstream cost", upstream),
        ("end_user_hour", "the sum of end users", of_end_users),
        ("hour_reversed", "what was given back", given),
    ):
        hours = totals.sums[code]
        for hour in sorted(events.keys() | hours.keys()):
            found, expected = hours.get(hour, (0, 0)), events.get(hour, (0, 0))
            if found != expected:
                said = _usd if code == "hour_upstream" else _said
                detail = f"{name} of {hour:%Y-%m-%d %H:00} says {said(found)}, its events say {said(expected)}"
                check.add(code, detail)
    _check_priced_later(check)
    _check_charges(check, totals.last.seq)
    for code, detail in (*taken.problems, *hold_problems(workspace_id), *count_problems(workspace_id)):
        check.add(code, detail)
    return check.problems


def _check_priced_later(check: _Check) -> None:
    """What events were charged later than their hours is what was charged for them in other hours."""
    ((later, here),) = _rows(_PRICED_LATER, check.workspace_id)
    if later != here:
        check.add("hour_priced", f"events that waited cost {later} nano-credits, hours charged {here} for such")


def _said(amounts: tuple[int, int]) -> str:
    return f"{amounts[0]} nano-credits in {amounts[1]} requests"


def _usd(amounts: tuple[int, int]) -> str:
    return f"{amounts[0]} nano-USD"


def _rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _count_events(check: _Check, totals: Totals) -> tuple[Hours, Hours, Hours]:
    """Of all events, and of those that name an end user; each as it was when the totals of its hour were read. The last
    one is what they cost upstream.
    """
    counted: Hours = {}
    of_end_users: Hours = {}
    upstream: Hours = {}
    at: Any = "infinity"
    pk = 0
    while True:
        rows = _rows(_EVENTS, check.workspace_id, at, pk, totals.last.last_event, CHUNK)
        for _, pk, hour, amount, operation, priced_at, named, cost in rows:
            if bool(amount) == (operation is None):
                check.add("event_operation", f"event {pk} costs {amount} nano-credits; its operation does not fit that")
            moment = totals.moment(hour)
            if pk > moment.last_event:
                continue
            # Whether one that waited was priced after that moment: its operation says so; without one, its time does.
            later = priced_at is not None and (
                operation > moment.last_operation if operation else priced_at > moment.at
            )
            charged = 0 if later else amount
            if cost and not later:
                upstream[hour] = upstream.get(hour, (0, 0))[0] + cost, 0
            for hours in (counted, of_end_users) if named else (counted,):
                before = hours.get(hour, (0, 0))
                hours[hour] = (before[0] + charged, before[1] + 1)
        if len(rows) < CHUNK:
            return counted, of_end_users, upstream
        at = rows[-1][0]


def _check_charges(check: _Check, until: int) -> None:
    """Each operation's transfers are the sum of its events, which stand in it without a gap, as its digest says."""
    for operations in _operations(check.workspace_id, until):
        transfers = {operation: rest for operation, *rest in _rows(_TRANSFERS, operations, list(CHARGES))}
        items: dict[int, list[tuple[str, int]]] = {}
        ends: dict[int, int] = {}
        for operation, event_id, amount, offset in _items(operations):
            seq = transfers[operation][1]
            if offset != ends.get(operation, 0):
                check.add("event_offset", f"event {event_id} begins at {offset} of operation {operation}", seq)
            ends[operation] = offset + amount
            items.setdefault(operation, []).append((event_id, amount))
        for operation, (charged, seq, digests) in transfers.items():
            found = items.get(operation, [])
            if sum(amount for _, amount in found) != charged:
                check.add("usage_sum", f"operation {operation} charged {charged}, its events cost another sum", seq)
            elif [bytes(digest) if digest is not None else None for digest in digests] != [items_digest(found)]:
                check.add("items_digest", f"the events of operation {operation} are not the ones it charged", seq)


def _items(operations: list[int]) -> list[tuple[Any, ...]]:
    """(operation, event id, nano-credits, offset) of the events that they charged."""
    first, last = min(operations), max(operations)
    if last - first > FAR_APART * len(operations):
        return _rows(_ITEMS, operations)
    return _rows(_ITEMS_IN_RANGE, first, last, operations)


def _operations(workspace_id: int, until: int) -> Iterator[list[int]]:
    last = 0
    while rows := _rows(_CHARGES, workspace_id, last, until, list(CHARGES), CHUNK):
        yield list({operation for _, operation in rows})
        last = rows[-1][0]
