"""Does usage add up? Recomputed from the events alone, in chunks; a check of verify_ledger.

Under the wallet lock, for milliseconds, the hourly totals are read together with the last event and operation ids given
out. What an event was charged, or was given back of it, never changes: so both may be streamed afterwards, in short
statements, while new ones come in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from billing.ledger.models import Wallet
from billing.ledger.records import Problem
from billing.metering.keys import CHARGES, items_digest
from billing.metering.verify_holds import hold_problems
from billing.metering.verify_reversals import taken_back

CHUNK = 2_000
MOST_PROBLEMS = 20

_TOTALS = "SELECT hour, amount, requests FROM metering_hourtotal WHERE workspace_id = %s"
_REVERSED = "SELECT hour, reversed, 0 FROM metering_hourtotal WHERE workspace_id = %s AND reversed <> 0"
_USAGE = "SELECT hour, sum(amount), sum(requests) FROM metering_hourusage WHERE workspace_id = %s GROUP BY hour"
_END_USERS = "SELECT hour, sum(amount), sum(requests) FROM metering_enduserhour WHERE workspace_id = %s GROUP BY hour"
_LAST_IDS = """
SELECT (SELECT last_value FROM metering_usageevent_id_seq), (SELECT last_value FROM ledger_operation_id_seq)
"""

_EVENTS = """
SELECT occurred_at, id, date_trunc('hour', booked_at, 'UTC'),
    CASE WHEN priced_at IS NULL OR operation_id <= %s THEN amount ELSE 0 END,
    operation_id IS NULL OR (priced_at IS NOT NULL AND operation_id > %s),
    end_user <> ''
FROM metering_usageevent
WHERE workspace_id = %s AND (occurred_at, id) < (%s, %s) AND id <= %s ORDER BY occurred_at DESC, id DESC LIMIT %s
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

Hours = dict[datetime, tuple[int, int]]  # hour → (nano-credits, requests)


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
    with transaction.atomic():
        wallet = Wallet.objects.select_for_update(no_key=True).filter(pk=workspace_id).first()
        totals = _hours(_TOTALS, workspace_id)
        usage = _hours(_USAGE, workspace_id)
        end_users = _hours(_END_USERS, workspace_id)
        reversed_ = _hours(_REVERSED, workspace_id)
        ((last_id, last_operation),) = _rows(_LAST_IDS)
    if wallet is None:
        return []
    counted, of_end_users = _count_events(check, last_id, last_operation)
    taken = taken_back(workspace_id, last_operation)
    for net, back in ((counted, taken.hours), (of_end_users, taken.of_end_users)):
        for hour, amount in back.items():
            charged, requests = net.get(hour, (0, 0))
            net[hour] = charged - amount, requests
    given = {hour: (amount, 0) for hour, amount in taken.hours.items() if amount}
    for code, name, hours, events in (
        ("hour_total", "the total", totals, counted),
        ("hour_usage", "the breakdown", usage, counted),
        ("end_user_hour", "the sum of end users", end_users, of_end_users),
        ("hour_reversed", "what was given back", reversed_, given),
    ):
        for hour in sorted(events.keys() | hours.keys()):
            found, expected = hours.get(hour, (0, 0)), events.get(hour, (0, 0))
            if found != expected:
                detail = f"{name} of {hour:%Y-%m-%d %H:00} says {_said(found)}, its events say {_said(expected)}"
                check.add(code, detail)
    _check_charges(check, wallet.seq)
    for code, detail in (*taken.problems, *hold_problems(workspace_id)):
        check.add(code, detail)
    return check.problems


def _said(amounts: tuple[int, int]) -> str:
    return f"{amounts[0]} nano-credits in {amounts[1]} requests"


def _rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _hours(query: str, workspace_id: int) -> Hours:
    return {hour: (int(amount), int(requests)) for hour, amount, requests in _rows(query, workspace_id)}


def _count_events(check: _Check, last_id: int, last_operation: int) -> tuple[Hours, Hours]:
    """Of all events, and of those that name an end user."""
    counted: Hours = {}
    of_end_users: Hours = {}
    at: Any = "infinity"
    pk = 0
    while True:
        rows = _rows(_EVENTS, last_operation, last_operation, check.workspace_id, at, pk, last_id, CHUNK)
        for _, pk, hour, amount, unpaid, named in rows:
            for hours in (counted, of_end_users) if named else (counted,):
                before = hours.get(hour, (0, 0))
                hours[hour] = (before[0] + amount, before[1] + 1)
            if bool(amount) == unpaid:
                check.add("event_operation", f"event {pk} costs {amount} nano-credits; its operation does not fit that")
        if len(rows) < CHUNK:
            return counted, of_end_users
        at = rows[-1][0]


def _check_charges(check: _Check, until: int) -> None:
    """Each operation's transfers are the sum of its events, which stand in it without a gap, as its digest says."""
    for operations in _operations(check.workspace_id, until):
        transfers = {operation: rest for operation, *rest in _rows(_TRANSFERS, operations, list(CHARGES))}
        items: dict[int, list[tuple[str, int]]] = {}
        ends: dict[int, int] = {}
        for operation, event_id, amount, offset in _rows(_ITEMS, operations):
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


def _operations(workspace_id: int, until: int) -> Iterator[list[int]]:
    last = 0
    while rows := _rows(_CHARGES, workspace_id, last, until, list(CHARGES), CHUNK):
        yield list({operation for _, operation in rows})
        last = rows[-1][0]
