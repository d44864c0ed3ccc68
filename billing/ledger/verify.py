"""Does everything add up? Recomputed from the rows alone, in chunks; nothing is ever repaired.

A wallet and its lots are read in one snapshot, then history is streamed up to the sequence number that snapshot had:
it is append-only, so it may be read afterwards, in short statements, while new rows come in.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from accounts.models import Workspace
from billing.ledger import hooks
from billing.ledger.accounts import (
    AVAILABLE,
    DEBT,
    EXPIRED,
    HELD,
    IN_LOTS,
    INFLOWS,
    LAPSE,
    OVERDRAFT,
    OVERDRAFT_HELD,
    SCHEDULED,
)
from billing.ledger.chain import GENESIS, canonical, link, lot_terms
from billing.ledger.models import Lot, Wallet
from billing.ledger.records import Problem
from billing.ledger.state import headroom
from billing.ledger.verify_extensions import extension_problems
from billing.ledger.verify_holds import open_hold_problems, resolved_hold_problems, reversal_problems

CHUNK = 2_000
# A broken chain breaks every later link as well; the first findings say what happened.
MOST_PROBLEMS = 50

_TRANSFERS = """
SELECT t.id, t.seq, t.kind, t.debit, t.credit, t.amount, t.balance_after, t.occurred_at, t.created_at, t.items_digest,
    t.digest, (SELECT r.seq FROM ledger_transfer r WHERE r.id = t.reverses_id),
    o.id, o.namespace, o.key, o.kind, o.request_hash, o.actor, o.reason, o.workspace_id,
    k.positions, k.lots, k.amounts
FROM ledger_transfer t
LEFT JOIN ledger_operation o ON o.id = t.operation_id
LEFT JOIN LATERAL (
    SELECT array_agg(position ORDER BY position) AS positions, array_agg(lot_id ORDER BY position) AS lots,
        array_agg(amount ORDER BY position) AS amounts
    FROM ledger_lottake WHERE transfer_id = t.id
) k ON true
WHERE t.workspace_id = %s AND t.seq > %s AND t.seq <= %s ORDER BY t.seq LIMIT %s
"""

# A hold of nothing, or one that is given more time, moves nothing: kept for the answer to a repeated request.
_OPERATIONS = """
SELECT o.id, o.namespace, o.key, starts_with(o.kind, 'hold.')
    OR EXISTS (SELECT 1 FROM ledger_transfer t WHERE t.operation_id = o.id)
    OR EXISTS (SELECT 1 FROM ledger_holdresolution r WHERE r.operation_id = o.id)
FROM (
    SELECT id, namespace, key, kind FROM ledger_operation
    WHERE workspace_id = %s AND (namespace, key) > (%s, %s) ORDER BY namespace, key LIMIT %s
) o ORDER BY o.namespace, o.key
"""


@dataclass
class Report:
    """What verify_ledger found."""

    workspaces: int = 0
    transfers: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass
class Walk:
    """Running state while one workspace's history is replayed."""

    workspace_id: int
    wallet: Wallet
    lots: dict[int, Lot]
    by_seq: dict[int, Lot]
    seq: int = 0
    head: bytes = GENESIS
    last_at: datetime | None = None
    accounts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    taken: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    pinned: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    brought: set[int] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def add(self, code: str, detail: str, seq: int | None = None) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(self.workspace_id, code, detail, seq))


def verify(*, workspace_id: int | None = None) -> Report:
    """Check one workspace, or all of them."""
    report = Report()
    for each in [workspace_id] if workspace_id is not None else _workspaces():
        walk = _walk(each)
        report.workspaces += 1
        report.transfers += walk.seq
        report.problems += walk.problems
        for verifier in hooks.verifiers:
            report.problems += verifier(each)
    return report


def _workspaces() -> Iterator[int]:
    last = 0
    while chunk := list(Workspace.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        yield from chunk
        last = chunk[-1]


def _walk(workspace_id: int) -> Walk:
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        wallet = Wallet.objects.filter(pk=workspace_id).first()
        lots = {lot.pk: lot for lot in Lot.objects.filter(workspace_id=workspace_id)}
        stray = [
            *_beyond_head(workspace_id, wallet.seq if wallet else 0),
            *open_hold_problems(workspace_id, wallet or Wallet(workspace_id=workspace_id)),
        ]
    walk = Walk(
        workspace_id,
        wallet or Wallet(workspace_id=workspace_id, digest=GENESIS),
        lots,
        {lot.seq: lot for lot in lots.values()},
    )
    for code, detail in stray:
        walk.add(code, detail)
    for row in _history(workspace_id, walk.wallet.seq):
        _step(walk, row)
    for found in (
        _empty_operations(workspace_id),
        resolved_hold_problems(workspace_id),
        reversal_problems(workspace_id, walk.wallet.seq),
        extension_problems(workspace_id),
    ):
        for code, detail in found:
            walk.add(code, detail)
    _check_lots(walk)
    _check_wallet(walk)
    return walk


def _beyond_head(workspace_id: int, seq: int) -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_transfer WHERE workspace_id = %s AND seq > %s", [workspace_id, seq])
        if count := cursor.fetchone()[0]:
            yield "beyond_head", f"{count} transfers are later than the wallet's last one, {seq}"


def _empty_operations(workspace_id: int) -> Iterator[tuple[str, str]]:
    """Operations that moved nothing. They are written together with their transfers, so this needs no snapshot."""
    last = ("", "")
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_OPERATIONS, [workspace_id, *last, CHUNK])
            rows = cursor.fetchall()
        for pk, _, _, moved in rows:
            if not moved:
                yield "empty_operation", f"operation {pk} has no transfer"
        if len(rows) < CHUNK:
            return
        last = rows[-1][1:3]


def _history(workspace_id: int, until: int) -> Iterator[tuple[Any, ...]]:
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_TRANSFERS, [workspace_id, last, until, CHUNK])
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < CHUNK:
            return
        last = rows[-1][1]


def _step(walk: Walk, row: tuple[Any, ...]) -> None:
    """Replay one transfer: sequence, chain, accounts, takes, lot."""
    (_, seq, kind, debit, credit, amount, balance, occurred_at, created_at, items, digest, reverses, *rest) = row
    operation, owner, (positions, lot_ids, parts) = rest[:7], rest[7], rest[8:]
    if seq != walk.seq + 1:
        walk.add("gap", f"transfer {walk.seq + 1} is missing" if seq > walk.seq else f"transfer {seq} is twice", seq)
    if owner != walk.workspace_id:
        walk.add("foreign_operation", "its operation is missing or belongs to another workspace", seq)
        return
    takes = list(zip(lot_ids or (), parts or (), strict=True))
    if list(positions or ()) != list(range(len(takes))):
        walk.add("take_positions", "the positions of its takes have gaps", seq)
    lot = walk.by_seq.get(seq)
    text = canonical(
        workspace_id=walk.workspace_id,
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
        takes=takes,
        lot=_terms(lot) if lot else None,
    )
    if link(walk.head, text) != bytes(digest):
        walk.add("digest", f"{kind} of {amount} does not match its digest: it, its takes, lot or order changed", seq)
    _account(walk, seq, debit, credit, amount, balance)
    _check_takes(walk, seq, debit, credit, amount, takes, lot)
    lapsed_at = occurred_at if operation[3] == LAPSE else None
    _check_life(walk, seq, debit, credit, created_at, takes, lapsed_at)
    if lot is not None and lot.operation_id != operation[0]:
        walk.add("lot_operation", f"lot {lot.pk} names another operation than the transfer that brought it in", seq)
    if walk.last_at is not None and created_at < walk.last_at:
        walk.add("time", f"its stamp {created_at} is before that of the transfer before it", seq)
    # From here the stored digest leads, so that one change shows as one finding.
    walk.seq, walk.head, walk.last_at = seq, bytes(digest), created_at


def _terms(lot: Lot) -> list[Any]:
    return lot_terms(
        lot_id=lot.pk,
        source=lot.source,
        label=lot.label,
        amount=lot.amount,
        effective_at=lot.effective_at,
        expires_at=lot.expires_at,
        unit_price_usd=lot.unit_price_usd,
    )


def _account(walk: Walk, seq: int, debit: str, credit: str, amount: int, balance: int) -> None:
    walk.accounts[debit] -= amount
    walk.accounts[credit] += amount
    if balance != walk.accounts[AVAILABLE]:
        walk.add("balance_after", f"says {balance}, the transfers so far make {walk.accounts[AVAILABLE]}", seq)


def _check_takes(
    walk: Walk, seq: int, debit: str, credit: str, amount: int, takes: list[tuple[int, int]], lot: Lot | None
) -> None:
    """What leaves available or held is taken from lots; what comes in brings a lot or is put back into lots."""
    entering = credit in IN_LOTS and debit not in IN_LOTS
    brings = entering and lot is not None
    if debit in IN_LOTS:
        expected = 0 if debit == SCHEDULED and credit == AVAILABLE else amount
    else:
        expected = -amount if entering and not brings else 0
    if (total := sum(part for _, part in takes)) != expected or any(part * expected < 0 for _, part in takes):
        walk.add("takes", f"its takes make {total} instead of {expected}", seq)
    pins, leaves = (credit == HELD) - (debit == HELD), not (debit in IN_LOTS and credit in IN_LOTS)
    for lot_id, part in takes:
        walk.taken[lot_id] += part * leaves
        walk.pinned[lot_id] += part * pins
        if lot_id not in walk.lots:
            walk.add("foreign_lot", f"takes from lot {lot_id}, which is not this workspace's", seq)
    if entering and debit in INFLOWS and not takes and (lot is None or lot.amount != amount):
        walk.add("lot_missing", f"brought {amount} in, but its lot is {lot.amount if lot else 'missing'}", seq)
    if brings and lot is not None:
        walk.brought.add(lot.pk)


def _check_life(
    walk: Walk,
    seq: int,
    debit: str,
    credit: str,
    at: datetime,
    takes: list[tuple[int, int]],
    lapsed_at: datetime | None,
) -> None:
    """What is free is used within the life of its lot, and expires not before its end; but what lapses does so at an
    instant in that life. What came back to a lot that has expired repays debt all the same.
    """
    if debit != AVAILABLE or credit == DEBT:
        return
    for lot in filter(None, (walk.lots.get(lot_id) for lot_id, _ in takes)):
        over = lot.expires_at is not None and lot.expires_at <= at
        lapses = credit == EXPIRED and lapsed_at is not None and lot.effective_at <= lapsed_at <= at
        if at < lot.effective_at or over != (credit == EXPIRED and not lapses):
            walk.add("lot_life", f"at {at} it took from lot {lot.pk} of {lot.effective_at} to {lot.expires_at}", seq)


def _check_lots(walk: Walk) -> None:
    for lot in walk.lots.values():
        if lot.pk not in walk.brought:
            walk.add("lot_unsourced", f"no transfer brought lot {lot.pk} ({lot.label}) in")
        expected = lot.amount - walk.taken[lot.pk]
        if lot.remaining != expected:
            walk.add("lot_remaining", f"lot {lot.pk} says {lot.remaining}, its takes leave {expected}")
        if lot.held != walk.pinned[lot.pk]:
            walk.add("lot_held", f"lot {lot.pk} says {lot.held} is held, its takes make {walk.pinned[lot.pk]}")


def _due_at(lot: Lot) -> datetime | None:
    return lot.effective_at if lot.scheduled else lot.expires_at


def _check_wallet(walk: Walk) -> None:
    wallet, accounts = walk.wallet, walk.accounts
    started = [lot for lot in walk.lots.values() if not lot.scheduled]
    sums = {
        "available": ("transfers", wallet.available, accounts[AVAILABLE]),
        "available of lots": ("lots", wallet.available, sum(lot.remaining - lot.held for lot in started)),
        "held": ("transfers", wallet.held, accounts[HELD]),
        "held of lots": ("lots", wallet.held, sum(lot.held for lot in started)),
        "debt": ("transfers", wallet.debt, -accounts[DEBT]),
        "overdraft_held": ("transfers", wallet.overdraft_held, accounts[OVERDRAFT_HELD]),
        "overdraft": ("transfers", wallet.overdraft_held, -accounts[OVERDRAFT]),
        "scheduled": (
            "transfers",
            sum(lot.remaining for lot in walk.lots.values() if lot.scheduled),
            accounts[SCHEDULED],
        ),
    }
    for name, (source, said, expected) in sums.items():
        if said != expected:
            walk.add("balance", f"{name}: {said} is kept, the {source} make {expected}")
    if wallet.seq != walk.seq:
        walk.add("head", f"the wallet's last transfer is {wallet.seq}, history ends at {walk.seq}")
    elif bytes(wallet.digest) != walk.head:
        walk.add("head", "the wallet's digest is not that of its last transfer", walk.seq or None)
    _check_marks(walk)


def _check_marks(walk: Walk) -> None:
    wallet = walk.wallet
    due = min((at for lot in walk.lots.values() if lot.remaining > lot.held and (at := _due_at(lot))), default=None)
    if due is not None and (wallet.next_due_at is None or wallet.next_due_at > due):
        walk.add("mark", f"a lot is due at {due}, next_due_at is {wallet.next_due_at}")
    if walk.last_at is not None and (wallet.last_at is None or wallet.last_at < walk.last_at):
        walk.add("time", "the wallet's stamp is before that of its last transfer")
    if wallet.granted_any != any(True for _ in walk.brought):
        walk.add("mark", f"granted_any is {wallet.granted_any}, {len(walk.brought)} lots came in")
    if (wallet.debt_since is not None) != (wallet.debt > 0):
        walk.add("mark", f"debt is {wallet.debt}, debt_since {wallet.debt_since}")
    nothing_left = headroom(
        available=wallet.available,
        debt=wallet.debt,
        overdraft_limit=wallet.overdraft_limit,
        overdraft_held=wallet.overdraft_held,
    )
    if (wallet.stopped_at is not None) != (wallet.granted_any and nothing_left <= 0):
        walk.add("mark", f"{nothing_left} can be authorised, stopped_at is {wallet.stopped_at}")
