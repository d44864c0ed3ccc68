"""The events that operations charged, for a workspace's proof of balance (billing.ledger.proof)."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from billing.ledger.hooks import Items
from billing.ledger.roundtrip import Rows
from billing.ledger.session import read
from billing.metering.keys import NAMESPACE, PRICED

# The key of a single event's operation names it (keys.operation_key): one look into a unique index, at any time.
# LIMIT keeps the planner from reading all events of the workspace and comparing each with all operations.
_SINGLE = """
SELECT o.id, e."offset", e.id, e.event_id, e.amount FROM ledger_operation o CROSS JOIN LATERAL (
    SELECT "offset", id, event_id, amount FROM metering_usageevent
    WHERE workspace_id = %s AND origin = split_part(o.key, ':', 1)
        AND event_id = substr(o.key, strpos(o.key, ':') + 1) AND operation_id = o.id LIMIT 1
) e WHERE o.id = ANY(%s::bigint[]) AND o.namespace = %s
"""
# So does the key of one that waited for a price (keys.pricing_key). CASE: other keys are no numbers.
_PRICED = f"""
SELECT o.id, e."offset", e.id, e.event_id, e.amount FROM ledger_operation o JOIN metering_usageevent e
    ON e.id = CASE WHEN o.key ~ '^{PRICED}[0-9]+$' THEN substr(o.key, {len(PRICED) + 1})::bigint END
WHERE o.id = ANY(%s::bigint[]) AND o.namespace = %s AND e.workspace_id = %s AND e.operation_id = o.id
"""  # noqa: S608
# The others are batches. Events lie on disk in the order of their operations, those of a busy workspace close together:
# one range of the table then costs a single look into the summarising index, not one per operation.
_IN_RANGE = """
SELECT operation_id, "offset", id, event_id, amount FROM metering_usageevent
WHERE workspace_id = %s AND operation_id BETWEEN %s AND %s AND amount > 0 LIMIT %s
"""
_NAMED = """
SELECT operation_id, "offset", id, event_id, amount FROM metering_usageevent
WHERE workspace_id = %s AND operation_id = ANY(%s) AND amount > 0 LIMIT %s
"""
CLOSE = 50  # operations of anybody per one of ours, up to which a range is read
AT_ONCE = 200  # operations looked up one by one in a statement, to keep each short


def charged_items(workspace_id: int, operations: Sequence[int], most: int | None) -> dict[int, Items] | None:
    """Per operation its (event id, nano-credits) list in the order in which it was charged. None: more than `most`."""
    if not operations:
        return {}
    limit = most + 1 if most is not None else None
    ids = [str(operation) for operation in operations]
    rows, priced = read((_SINGLE, (str(workspace_id), ids, NAMESPACE)), (_PRICED, (ids, NAMESPACE, str(workspace_id))))
    rows += priced
    single = {row[0] for row in rows}
    batches = [operation for operation in operations if operation not in single]
    if batches:
        found = _of_batches(workspace_id, batches, limit)
        if limit is not None and len(found) >= limit:
            return None
        rows += [row for row in found if row[0] not in single]
    items: dict[int, list[tuple[str, int]]] = {}
    for operation, _, _, event_id, amount in sorted(rows):
        items.setdefault(operation, []).append((event_id, amount))
    return dict(items)


def _of_batches(workspace_id: int, operations: Sequence[int], limit: int | None) -> Rows:
    """Up to `limit` rows of these operations, and of those between them."""
    lowest, highest = min(operations), max(operations)
    if highest - lowest < CLOSE * len(operations):
        return _rows(_IN_RANGE, [workspace_id, lowest, highest, limit])
    rows: Rows = []
    for start in range(0, len(operations), AT_ONCE):
        rows += _rows(_NAMED, [workspace_id, list(operations[start : start + AT_ONCE]), limit])
        if limit is not None and len(rows) >= limit:
            break
    return rows


def _rows(query: str, parameters: Sequence[Any]) -> Rows:
    """Not prepared: the plan depends on the values, on how much of the table they span."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: Rows = cursor.fetchall()
    return rows
