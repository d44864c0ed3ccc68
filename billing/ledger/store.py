"""The ledger's SQL for what a book reads; `write` has what it writes."""

from collections.abc import Sequence
from typing import Any

from billing.ledger.chain import GENESIS
from billing.ledger.records import LotState
from billing.ledger.roundtrip import Statement

# The same order as billing.ledger.burn.burn_key and the index lot_burn_order.
BURN_ORDER = """workspace_id, priority, expires_at,
    (CASE WHEN source = 'plan' THEN 0 WHEN source = 'promotion' THEN 1 ELSE 2 END), effective_at, id"""
LOT_COLUMNS = "id, source, amount, remaining, held, priority, effective_at, expires_at, scheduled"
# A spend needs the first lots only; wallets with more open lots than this read the rest when they must.
FIRST_LOTS = 12

WALLET_COLUMNS = (
    "available",
    "held",
    "debt",
    "overdraft_held",
    "overdraft_limit",
    "seq",
    "digest",
    "last_at",
    "next_due_at",
    "low_bound",
    "granted_any",
    "stopped_at",
    "debt_since",
)

# Outside the subquery, so that the time is read when the lock is held and not before waiting for it.
_LOCK = f"""
SELECT locked.*, nextval('ledger_operation_id_seq'), clock_timestamp()
FROM (SELECT {", ".join(WALLET_COLUMNS)} FROM ledger_wallet WHERE workspace_id = %s FOR NO KEY UPDATE) locked
"""  # noqa: S608

_FIRST_LOTS = f"""
SELECT {LOT_COLUMNS} FROM ledger_lot WHERE workspace_id = %s AND open AND NOT scheduled
ORDER BY {BURN_ORDER} LIMIT {FIRST_LOTS}
"""  # noqa: S608

_ALL_LOTS = f"SELECT {LOT_COLUMNS} FROM ledger_lot WHERE workspace_id = %s AND open"  # noqa: S608

_CREATE = """
INSERT INTO ledger_wallet (workspace_id, available, held, debt, overdraft_held, overdraft_limit, seq, digest,
    low_bound, granted_any)
VALUES (%s, 0, 0, 0, 0, 0, 0, %s, 0, false) ON CONFLICT DO NOTHING
"""

_FIND = "SELECT request_hash, result FROM ledger_operation WHERE workspace_id = %s AND namespace = %s AND key = %s"

_NEXT_OPERATION = "SELECT nextval('ledger_operation_id_seq')"
_NEXT_LOT = "SELECT nextval('ledger_lot_id_seq')"


def lock(workspace_id: int) -> Statement:
    return _LOCK, (str(workspace_id),)


def first_lots(workspace_id: int) -> Statement:
    return _FIRST_LOTS, (str(workspace_id),)


def all_lots(workspace_id: int) -> Statement:
    return _ALL_LOTS, (str(workspace_id),)


def create(workspace_id: int) -> Statement:
    return _CREATE, (str(workspace_id), GENESIS)


def find(workspace_id: int, namespace: str, key: str) -> Statement:
    return _FIND, (str(workspace_id), namespace, key)


NEXT_OPERATION: Statement = (_NEXT_OPERATION, ())
NEXT_LOT: Statement = (_NEXT_LOT, ())


def lot_state(row: Sequence[Any]) -> LotState:
    return LotState(*row)
