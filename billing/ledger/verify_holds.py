"""Do holds and reversals add up? Parts of `verify`, recomputed from the rows alone. Amounts are nano-credits."""

from collections.abc import Iterator
from typing import Any

from django.db import connection

from billing.ledger.models import Wallet

CHUNK = 2_000
Finding = tuple[str, str]  # code, detail

# When a hold expires, from the rows that never change.
_UNTIL = """
    greatest(h.expires_at, (SELECT max(e.expires_at) FROM ledger_holdextension e WHERE e.hold_id = h.operation_id))
"""
_OPEN = f"""
SELECT h.operation_id, h.amount - h.overdraft, h.overdraft, h.open_until, {_UNTIL}, r.kind
FROM ledger_hold h LEFT JOIN ledger_holdresolution r ON r.hold_id = h.operation_id
WHERE h.workspace_id = %s AND h.open_until IS NOT NULL
"""  # noqa: S608
_HELD_OF_LOTS = """
SELECT l.id, l.held, coalesce(p.pinned, 0)
FROM ledger_lot l
FULL JOIN (
    SELECT k.lot_id, sum(k.amount) AS pinned
    FROM ledger_hold h
    JOIN ledger_transfer t ON t.operation_id = h.operation_id AND t.kind = 'hold.place'
    JOIN ledger_lottake k ON k.transfer_id = t.id
    WHERE h.workspace_id = %s AND h.open_until IS NOT NULL GROUP BY k.lot_id
) p ON p.lot_id = l.id
WHERE l.workspace_id = %s AND l.held <> coalesce(p.pinned, 0)
"""
# A hold, and what the operations that placed and resolved it moved in and out of the two accounts of holds. It expires
# at its instant or later; whatever else ends it comes before that.
_RESOLVED = f"""
SELECT h.operation_id, h.amount - h.overdraft, h.overdraft, r.kind,
    (r.kind = 'expire') = (r.created_at >= {_UNTIL}) AND r.created_at = o.created_at,
    r.workspace_id = h.workspace_id,
    coalesce(sum(t.amount) FILTER (WHERE t.operation_id = h.operation_id AND t.credit = 'held'), 0),
    coalesce(sum(t.amount) FILTER (WHERE t.operation_id = r.operation_id AND t.debit = 'held'), 0),
    coalesce(sum(t.amount) FILTER (WHERE t.operation_id = h.operation_id AND t.credit = 'overdraft_held'), 0),
    coalesce(sum(t.amount) FILTER (WHERE t.operation_id = r.operation_id AND t.debit = 'overdraft_held'), 0)
FROM (
    SELECT * FROM ledger_hold WHERE workspace_id = %s AND operation_id > %s AND open_until IS NULL
    ORDER BY operation_id LIMIT %s
) h
LEFT JOIN ledger_holdresolution r ON r.hold_id = h.operation_id
LEFT JOIN ledger_operation o ON o.id = r.operation_id
LEFT JOIN ledger_transfer t ON t.operation_id IN (h.operation_id, r.operation_id)
GROUP BY h.operation_id, h.workspace_id, h.amount, h.overdraft, h.expires_at, r.workspace_id, r.kind, r.created_at,
    o.created_at
ORDER BY h.operation_id
"""  # noqa: S608
_REVERSED = """
SELECT reversed.seq, reversed.amount, sum(r.amount - (
    SELECT coalesce(sum(again.amount), 0) FROM ledger_transfer again
    WHERE again.workspace_id = r.workspace_id AND again.reverses_id = r.id
))
FROM ledger_transfer r JOIN ledger_transfer reversed ON reversed.id = r.reverses_id
WHERE r.workspace_id = %s AND r.reverses_id IS NOT NULL AND r.seq <= %s
GROUP BY reversed.id HAVING bool_or(reversed.workspace_id <> r.workspace_id OR reversed.seq >= r.seq) OR
    sum(r.amount - (
        SELECT coalesce(sum(again.amount), 0) FROM ledger_transfer again
        WHERE again.workspace_id = r.workspace_id AND again.reverses_id = r.id
    )) > reversed.amount
"""


def open_hold_problems(workspace_id: int, wallet: Wallet) -> Iterator[Finding]:
    """Open holds against the wallet and its lots; to be called in one snapshot with those."""
    covered = overdraft = count = 0
    for pk, part, beyond, until, said, resolution in _rows(_OPEN, workspace_id):
        covered += part
        overdraft += beyond
        count += 1
        if resolution is not None:
            yield "hold_resolution", f"hold {pk} is open, but was resolved ({resolution})"
        if until != said:
            yield "hold_until", f"hold {pk} is open until {until}, it and its extensions say {said}"
        if wallet.next_due_at is None or wallet.next_due_at > until:
            yield "mark", f"hold {pk} is due at {until}, next_due_at is {wallet.next_due_at}"
    if covered != wallet.held:
        yield "held", f"the wallet says {wallet.held} is held, open holds make {covered}"
    if overdraft != wallet.overdraft_held:
        yield "overdraft_held", f"the wallet says {wallet.overdraft_held} of the overdraft is held, not {overdraft}"
    if count != wallet.open_holds:
        yield "open_holds", f"the wallet says {wallet.open_holds} holds are open, {count} are"
    for lot, held, pinned in _rows(_HELD_OF_LOTS, workspace_id, workspace_id):
        yield "lot_pins", f"lot {lot} says {held} is held, open holds pin {pinned}"


def resolved_hold_problems(workspace_id: int) -> Iterator[Finding]:
    """Each hold that is over gave back, or charged, exactly what it had set aside, once."""
    last = 0
    while rows := _rows(_RESOLVED, workspace_id, last, CHUNK):
        for pk, covered, overdraft, resolution, in_time, own, placed, resolved, placed_beyond, resolved_beyond in rows:
            if resolution is None:
                yield "hold_resolution", f"hold {pk} is not open, but nothing resolved it"
            elif not own:
                yield "hold_resolution", f"hold {pk} was resolved, but as one of another workspace"
            elif not in_time:
                yield "hold_until", f"hold {pk} ended ({resolution}) at another time than that can be"
            elif not covered == placed == resolved or not overdraft == placed_beyond == resolved_beyond:
                detail = f"{covered} and {overdraft} of the overdraft, placed {placed} and {placed_beyond}"
                yield "hold_sum", f"hold {pk} has {detail}, and gave back {resolved} and {resolved_beyond}"
        last = rows[-1][0]


def reversal_problems(workspace_id: int, until: int) -> Iterator[Finding]:
    """Nothing is taken back twice, or before it happened."""
    for seq, amount, back in _rows(_REVERSED, workspace_id, until):
        yield "reversed", f"of transfer {seq} with {amount}, {back} was taken back"


def _rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
