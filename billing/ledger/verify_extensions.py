"""Extensions of lots against what their operations posted: out of one lot and into the other, whole, by one account."""

from collections.abc import Iterator

from django.db import connection

# Every operation that extends, or is said to; `posted` is how many of its transfers are the two that belong to it.
_EXTENSIONS = """
SELECT o.id, e.into_id, coalesce(
    f.workspace_id = o.workspace_id AND i.workspace_id = o.workspace_id AND i.operation_id = o.id
    AND o.kind = 'lot.extend'
    AND i.source = f.source AND i.unit_price_usd IS NOT DISTINCT FROM f.unit_price_usd AND i.amount = e.amount
    AND f.expires_at > i.effective_at AND i.expires_at > f.expires_at
    AND (SELECT count(*) = 2 AND sum(t.amount) = 2 * e.amount AND count(DISTINCT least(t.debit, t.credit)) = 1
            AND count(k.lot_id) = 1 AND min(k.lot_id) = f.id
        FROM ledger_transfer t LEFT JOIN ledger_lottake k ON k.transfer_id = t.id
        WHERE t.operation_id = o.id AND t.kind = 'lot.extend'), false)
FROM ledger_operation o
LEFT JOIN ledger_lotextension e ON e.operation_id = o.id
LEFT JOIN ledger_lot f ON f.id = e.lot_id LEFT JOIN ledger_lot i ON i.id = e.into_id
WHERE o.workspace_id = %(workspace)s AND (o.kind = 'lot.extend' OR e.into_id IS NOT NULL)
"""


def extension_problems(workspace_id: int) -> Iterator[tuple[str, str]]:
    """What says that a lot goes on in another one fits what was posted."""
    with connection.cursor() as cursor:
        cursor.execute(_EXTENSIONS, {"workspace": workspace_id})
        rows = cursor.fetchall()
    for operation, into, fits in rows:
        if not fits:
            yield (
                "extension",
                f"operation {operation} extends a lot as {into or 'nothing'}, which is not what it posted",
            )
