"""The statement that writes a book: operations, transfers, takes, lots, holds and wallet.

The general one takes its rows as JSON; `billing.ledger.usual` has those for what nearly every request posts.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from billing.ledger import usual
from billing.ledger.holdrows import alone
from billing.ledger.pending import NewLot, Pending
from billing.ledger.records import LotState, OperationDraft
from billing.ledger.roundtrip import Statement
from billing.ledger.store import WRITE_WALLET, as_text

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


def write(*, workspace_id: int, now: datetime, pending: Pending, wallet: Sequence[Any]) -> list[Statement]:
    """Everything a book changed. `wallet` has the values of WALLET_COLUMNS."""
    tail = (*map(as_text, wallet), str(workspace_id))
    if not pending.operations:
        return [(WRITE_WALLET, tail)]
    lots = pending.changed_lots()
    if (shape := usual.shape_of(pending, lots)) is not None:
        values = usual.values(str(workspace_id), now.isoformat(), pending, lots[0])
        return [(shape, [*values, *tail])]
    return [_general(workspace_id, now, pending, lots, tail), *map(alone, pending.holds)]


def _general(
    workspace_id: int, now: datetime, pending: Pending, lots: Sequence[LotState], tail: Sequence[Any]
) -> Statement:
    at = (str(workspace_id), now.isoformat())
    operations, updates = map(_operation_row, pending.operations), map(_update_row, lots)
    params = [*at, _dump(operations), *at, _dump(pending.transfers), _dump(pending.takes), _dump(updates)]
    if not pending.new_lots:
        return _WRITE_MANY, [*params, *tail]
    return _WRITE_WITH_LOTS, [*params, *at, _dump(map(_lot_row, pending.new_lots)), *tail]


def _update_row(lot: LotState) -> dict[str, Any]:
    return {"id": lot.id, "remaining": lot.remaining, "held": lot.held, "scheduled": lot.scheduled}


def _operation_row(draft: OperationDraft) -> dict[str, Any]:
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


def _lot_row(new: NewLot) -> dict[str, Any]:
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


_WRITE_MANY = _WRITE + WRITE_WALLET
_WRITE_WITH_LOTS = _WRITE + _WRITE_LOTS + WRITE_WALLET


def _dump(rows: Iterable[dict[str, Any]]) -> str:
    return json.dumps(list(rows))
