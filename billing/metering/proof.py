"""The events that operations charged, for a workspace's proof of balance (billing.ledger.proof)."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from billing.ledger.hooks import Items

# Events lie on disk in the order of their operations. The operations of a busy workspace are close together: one
# range of the table then costs a single look into the summarising index, instead of one per operation.
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
    lowest, highest = min(operations), max(operations)
    if highest - lowest < CLOSE * len(operations):
        rows = _rows(_IN_RANGE, [workspace_id, lowest, highest, limit])
    else:
        rows = []
        for start in range(0, len(operations), AT_ONCE):
            rows += _rows(_NAMED, [workspace_id, list(operations[start : start + AT_ONCE]), limit])
            if limit is not None and len(rows) >= limit:
                break
    if limit is not None and len(rows) >= limit:
        return None
    items: dict[int, list[tuple[str, int]]] = {}
    for operation, _, _, event_id, amount in sorted(rows):
        items.setdefault(operation, []).append((event_id, amount))
    return dict(items)


def _rows(query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
