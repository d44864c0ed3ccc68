"""The ledger's SQL: what a book reads and the one statement that writes it."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from billing.ledger.chain import GENESIS
from billing.ledger.pending import NewLot, Pending
from billing.ledger.records import LotState, OperationDraft
from billing.ledger.session import Statement

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

_LOCK = f"""
SELECT {", ".join(WALLET_COLUMNS)}, nextval('ledger_operation_id_seq')
FROM ledger_wallet WHERE workspace_id = %s FOR NO KEY UPDATE
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

_WRITE_LOTS = """
, new_lot AS (
    INSERT INTO ledger_lot (id, workspace_id, operation_id, seq, source, label, amount, remaining, held, priority,
        effective_at, expires_at, scheduled, unit_price_usd, created_at)
    SELECT l.id, %s::bigint, l.operation, l.seq, l.source, l.label, l.amount, l.remaining, l.held, l.priority,
        l.effective_at, l.expires_at, l.scheduled, l.unit_price_usd, %s::timestamptz
    FROM jsonb_to_recordset(%s::jsonb) AS l(id bigint, operation bigint, seq bigint, source text, label text,
        amount bigint, remaining bigint, held bigint, priority smallint, effective_at timestamptz,
        expires_at timestamptz, scheduled boolean, unit_price_usd numeric)
)
"""

_WRITE = """
WITH operation AS (
    INSERT INTO ledger_operation (id, workspace_id, namespace, key, request_hash, kind, result, reverses_id, actor,
        reason, created_at)
    SELECT o.id, %s::bigint, o.namespace, o.key, decode(o.hash, 'hex'), o.kind, o.result, o.reverses, o.actor,
        o.reason, %s::timestamptz
    FROM jsonb_to_recordset(%s::jsonb) AS o(id bigint, namespace text, key text, hash text, kind text, result jsonb,
        reverses bigint, actor text, reason text)
), transfer AS (
    INSERT INTO ledger_transfer (workspace_id, operation_id, seq, kind, debit, credit, amount, balance_after,
        occurred_at, created_at, items_digest, reverses_id, digest)
    SELECT %s::bigint, t.operation, t.seq, t.kind, t.debit, t.credit, t.amount, t.balance, t.occurred_at,
        %s::timestamptz, decode(t.items, 'hex'), t.reverses, decode(t.digest, 'hex')
    FROM jsonb_to_recordset(%s::jsonb) AS t(operation bigint, seq bigint, kind text, debit text, credit text,
        amount bigint, balance bigint, occurred_at timestamptz, items text, reverses bigint, digest text)
    RETURNING id, seq
), take AS (
    INSERT INTO ledger_lottake (transfer_id, lot_id, position, amount)
    SELECT transfer.id, k.lot, k.position, k.amount
    FROM jsonb_to_recordset(%s::jsonb) AS k(seq bigint, position int, lot bigint, amount bigint)
    JOIN transfer USING (seq)
), lot AS (
    UPDATE ledger_lot SET remaining = l.remaining, held = l.held, scheduled = l.scheduled
    FROM jsonb_to_recordset(%s::jsonb) AS l(id bigint, remaining bigint, held bigint, scheduled boolean)
    WHERE ledger_lot.id = l.id
)"""

_WRITE_WALLET = f"""
UPDATE ledger_wallet SET {", ".join(f"{column} = %s" for column in WALLET_COLUMNS)} WHERE workspace_id = %s
"""  # noqa: S608


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


def write(*, workspace_id: int, now: datetime, pending: Pending, wallet: Sequence[Any]) -> Statement:
    """Everything a book changed, in one statement. `wallet` has the values of WALLET_COLUMNS."""
    tail = (*map(_text, wallet), str(workspace_id))
    if not pending.transfers:
        return _WRITE_WALLET, tail
    head = (str(workspace_id), now.isoformat())
    operations = [operation_row(draft) for draft in pending.operations]
    lots = [
        {"id": lot.id, "remaining": lot.remaining, "held": lot.held, "scheduled": lot.scheduled}
        for lot in pending.changed_lots()
    ]
    params = [*head, _dump(operations), *head, _dump(pending.transfers), _dump(pending.takes), _dump(lots)]
    if not pending.new_lots:
        return _WRITE_PLAIN, [*params, *tail]
    return _WRITE_WITH_LOTS, [*params, *head, _dump([lot_row(new) for new in pending.new_lots]), *tail]


def operation_row(draft: OperationDraft) -> dict[str, Any]:
    return {
        "id": draft.id,
        "namespace": draft.namespace,
        "key": draft.key,
        "hash": draft.request_hash.hex(),
        "kind": draft.kind,
        "result": draft.result,
        "reverses": draft.reverses_id,
        "actor": draft.actor,
        "reason": draft.reason,
    }


def lot_row(new: NewLot) -> dict[str, Any]:
    lot = new.lot
    return {
        "id": lot.id,
        "operation": new.operation_id,
        "seq": new.seq,
        "source": lot.source,
        "label": new.label,
        "amount": lot.amount,
        "remaining": lot.remaining,
        "held": lot.held,
        "priority": lot.priority,
        "effective_at": lot.effective_at.isoformat(),
        "expires_at": lot.expires_at.isoformat() if lot.expires_at else None,
        "scheduled": lot.scheduled,
        "unit_price_usd": str(new.unit_price_usd) if new.unit_price_usd is not None else None,
    }


_WRITE_PLAIN = _WRITE + _WRITE_WALLET
_WRITE_WITH_LOTS = _WRITE + _WRITE_LOTS + _WRITE_WALLET


def _dump(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows)


def _text(value: Any) -> Any:
    # psycopg types an integer by its size and a missing time by none at all; as text, every call has the same types
    # and so the same prepared statement.
    kind = type(value)
    if kind is int:
        return str(value)
    return value.isoformat() if kind is datetime else value
