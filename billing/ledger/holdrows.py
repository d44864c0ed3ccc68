"""Rows of holds as parts of a statement: of the one that writes the transfers, or of one of their own."""

from billing.ledger.roundtrip import Statement

PLACE = """placed AS (
    INSERT INTO ledger_hold (operation_id, workspace_id, origin, amount, overdraft, label, created_at, expires_at,
        open_until, request)
    VALUES (%s::bigint, %s::bigint, %s, %s::bigint, %s::bigint, %s, %s::timestamptz, %s::timestamptz, %s::timestamptz,
        %s::jsonb)
)"""
EXTEND = """extension AS (
    INSERT INTO ledger_holdextension (hold_id, operation_id, expires_at, created_at)
    VALUES (%s::bigint, %s::bigint, %s::timestamptz, %s::timestamptz)
), extended AS (
    UPDATE ledger_hold SET open_until = %s::timestamptz WHERE operation_id = %s::bigint
)"""
RESOLVE = """resolution AS (
    INSERT INTO ledger_holdresolution (hold_id, workspace_id, kind, operation_id, created_at)
    VALUES (%s::bigint, %s::bigint, %s, %s::bigint, %s::timestamptz)
), resolved AS (
    UPDATE ledger_hold SET open_until = NULL WHERE operation_id = %s::bigint
)"""


def alone(part: Statement) -> Statement:
    """The rows in a statement of their own, which returns none."""
    sql, values = part
    return f"WITH {sql} SELECT WHERE false", values
