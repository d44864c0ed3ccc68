"""What a proof is made of, as it is stored. Short statements only: an open snapshot would slow every writer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from billing.ledger.chain import GENESIS, canonical, lot_terms
from billing.ledger.session import read

CHUNK = 200  # rows at once: while they are read, other threads of this process wait

# As billing.ledger.chain.stamp writes a time. The way by datetimes would be half of the whole work.
_STAMP = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""

# One statement is one snapshot: the wallet and its lots are of the same moment.
_STATE = """
SELECT w.seq, w.digest, w.available, w.held, w.debt, w.overdraft_held, l.id, l.remaining, l.held
FROM ledger_wallet w LEFT JOIN ledger_lot l ON l.workspace_id = w.workspace_id
WHERE w.workspace_id = %s ORDER BY l.id
"""

_ENTRIES = f"""
SELECT t.seq, t.kind, t.debit, t.credit, t.amount, t.balance_after,
    {_STAMP.format("t.occurred_at")}, {_STAMP.format("t.created_at")},
    t.items_digest, t.digest, (SELECT r.seq FROM ledger_transfer r WHERE r.id = t.reverses_id),
    o.id, o.namespace, o.key, o.kind, o.request_hash, o.actor, o.reason, k.lots, k.amounts,
    l.id, l.source, l.label, l.amount, l.effective_at, l.expires_at, l.unit_price_usd
FROM ledger_transfer t
JOIN ledger_operation o ON o.id = t.operation_id
LEFT JOIN ledger_lot l ON l.workspace_id = t.workspace_id AND l.seq = t.seq
LEFT JOIN LATERAL (
    SELECT array_agg(lot_id ORDER BY position) AS lots, array_agg(amount ORDER BY position) AS amounts
    FROM ledger_lottake WHERE transfer_id = t.id
) k ON true
WHERE t.workspace_id = %s AND t.seq > %s AND t.seq <= %s ORDER BY t.seq LIMIT %s::int
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class WalletNow:
    """A wallet and what is left of each lot (id, remaining, held), of one moment."""

    seq: int = 0
    head: bytes = GENESIS
    available: int = 0
    held: int = 0
    debt: int = 0
    overdraft_held: int = 0
    lots: Sequence[tuple[int, int, int]] = ()


class Entry(NamedTuple):
    """A transfer: the digest it has, where its events are looked for, if it paid for some, and all of it."""

    digest: bytes
    operation_id: int
    has_items: bool
    workspace_id: int
    row: tuple[Any, ...]

    def text(self) -> str:
        """The canonical text. It is worked out when it is asked for: a whole chunk at once would take too long."""
        return _text(self.workspace_id, self.row)


def wallet_now(workspace_id: int) -> WalletNow:
    (rows,) = read((_STATE, (str(workspace_id),)))
    if not rows:
        return WalletNow()
    seq, head, available, held, debt, overdraft_held = rows[0][:6]
    lots = [row[6:] for row in rows if row[6] is not None]
    return WalletNow(seq, bytes(head), available, held, debt, overdraft_held, lots)


def chunks(workspace_id: int, until: int) -> Iterator[list[Entry]]:
    """Transfers 1 to `until` in order. They never change, so they need no common snapshot."""
    last = 0
    while last < until:
        (rows,) = read((_ENTRIES, (str(workspace_id), str(last), str(until), str(CHUNK))))
        if not rows:
            return
        yield [_entry(workspace_id, row) for row in rows]
        last = rows[-1][0]


def _entry(workspace_id: int, row: tuple[Any, ...]) -> Entry:
    items, digest, operation_id = row[8], row[9], row[11]
    return Entry(bytes(digest), operation_id, items is not None, workspace_id, row)


def _text(workspace_id: int, row: tuple[Any, ...]) -> str:
    seq, kind, debit, credit, amount, balance, occurred_at, created_at, items, _digest, reverses, *rest = row
    operation, (lots, parts), terms = rest[:7], rest[7:9], rest[9:]
    text = canonical(
        workspace_id=workspace_id,
        seq=seq,
        operation=(*operation[:4], bytes(operation[4]).hex(), *operation[5:]),
        kind=kind,
        debit=debit,
        credit=credit,
        amount=amount,
        balance_after=balance,
        occurred_at=occurred_at,
        created_at=created_at,
        items_digest=bytes(items) if items is not None else None,
        reverses=reverses,
        takes=list(zip(lots or (), parts or (), strict=True)),
        lot=_terms(terms) if terms[0] is not None else None,
    )
    return text.decode()


def _terms(columns: Sequence[Any]) -> list[Any]:
    lot_id, source, label, amount, effective_at, expires_at, unit_price_usd = columns
    return lot_terms(
        lot_id=lot_id,
        source=source,
        label=label,
        amount=amount,
        effective_at=effective_at,
        expires_at=expires_at,
        unit_price_usd=unit_price_usd,
    )
