"""Do holds and usage fit together? A part of verify_usage."""

from collections.abc import Iterator
from typing import Any

from django.db import connection

from accounts.scopes import KeyKind
from billing.ledger.records import hold_id
from billing.metering.keys import operation_key
from billing.metering.origins import key_class

CHUNK = 2_000
KEY_CLASSES = frozenset(KeyKind.values)

# One statement sees a hold, its end and its event as one transaction left them.
_HOLDS = """
SELECT h.operation_id, h.origin, coalesce(r.kind, ''), r.operation_id, o.key,
    e.workspace_id, e.origin, e.event_id, e.amount, e.operation_id, e.priced_at IS NOT NULL
FROM ledger_hold h
LEFT JOIN ledger_holdresolution r ON r.hold_id = h.operation_id
LEFT JOIN ledger_operation o ON o.id = r.operation_id
LEFT JOIN metering_usageevent e ON e.hold_id = h.operation_id
WHERE h.workspace_id = %s AND h.operation_id > %s ORDER BY h.operation_id LIMIT %s
"""

_OVERDRAWN = """
SELECT a.id, a.meter, a.included - a.used, sum(reserved.quantity)
FROM metering_allowance a
JOIN metering_allowancehold reserved ON reserved.allowance_id = a.id
JOIN ledger_hold h ON h.operation_id = reserved.hold_id
WHERE a.workspace_id = %s AND h.workspace_id = %s AND h.open_until IS NOT NULL
GROUP BY a.id HAVING sum(reserved.quantity) > a.included - a.used
"""


def hold_problems(workspace_id: int) -> Iterator[tuple[str, str]]:
    """(code, detail) of each hold that was not settled by the event that names it, and of allowances of which open
    holds reserve more than is left.
    """
    last = 0
    while rows := _rows(_HOLDS, workspace_id, last, CHUNK):
        for row in rows:
            if wrong := _wrong(workspace_id, *row[1:]):
                yield "event_hold", f"{hold_id(row[0])} {wrong}"
        last = rows[-1][0]
    for pk, meter, left, reserved in _rows(_OVERDRAWN, workspace_id, workspace_id):
        yield "allowance_reserved", f"holds reserve {reserved} {meter} of allowance {pk}, {left} are left"


def _wrong(
    workspace_id: int,
    hold_origin: str,
    resolution: str,
    resolved_by: int | None,
    key: str | None,
    owner: int | None,
    origin: str | None,
    event_id: str | None,
    amount: int | None,
    charged_by: int | None,
    priced_later: bool,
) -> str:
    """What does not fit, or nothing."""
    if origin is None or event_id is None:
        of_request = hold_origin in KEY_CLASSES  # of others, whoever placed them knows what they paid for
        return "was settled, and no event names it" if resolution == "settle" and of_request else ""
    if owner != workspace_id or key_class(origin) != hold_origin:
        return f"is named by event {event_id} of another workspace or class of key"
    if resolution == "expire":
        return ""
    if resolution != "settle":
        return f"is named by event {event_id}, which did not settle it"
    # An event that cost nothing then has no operation; the one that settled its hold has its key all the same.
    cost_then = amount and not priced_later
    settled = resolved_by == charged_by if cost_then else key == operation_key(origin, event_id)
    return "" if settled else f"was settled by another operation than event {event_id}"


def _rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
