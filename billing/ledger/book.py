"""The book of one workspace: the only way credits move.

`open_book` locks the wallet, posts what is due (lots that start or expire), and gives a Book; everything posted in
it is written by one statement when the block ends. README.md has the accounts and the rules.
"""

import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction

from billing.credits import clock
from billing.credits.units import AmountOutOfRange, in_range
from billing.ledger import burn, hooks, store
from billing.ledger.accounts import ADJUSTED, AVAILABLE, DEBT, EXPIRED, HELD, ISSUED, SCHEDULED, SPENT
from billing.ledger.burn import Take
from billing.ledger.chain import canonical, link, lot_terms
from billing.ledger.errors import IdempotencyConflict, InsufficientCredits, LedgerError
from billing.ledger.pending import NewLot, Pending
from billing.ledger.records import Crossing, LotState, OperationDraft, SpendResult, WalletState
from billing.ledger.session import Rows, Session, Statement, session

_open = threading.local()


class Book:
    """A locked wallet and what is posted to it. Amounts are nano-credits; make one with `open_book`."""

    def __init__(
        self, *, session: Session, workspace_id: int, wallet: Sequence[Any], lots: Rows, now: datetime
    ) -> None:
        self.workspace_id = workspace_id
        (
            self.available,
            self.held,
            self.debt,
            self.overdraft_held,
            self.overdraft_limit,
            self.seq,
            self.head,
            self.last_at,
            self.next_due_at,
            self.low_bound,
            self.granted_any,
            self.stopped_at,
            self.debt_since,
            self._spare_operation_id,
        ) = wallet
        self.now = max(now, self.last_at) if self.last_at else now
        self.extra: list[Rows] = []  # what the caller's own statements of `open_book` returned
        self._session = session
        self._lots = {lot.id: lot for lot in map(store.lot_state, lots)}
        self._all_lots = False
        self._some_lots_unread = len(lots) == store.FIRST_LOTS
        self._pending = Pending()
        self._also: list[Statement] = []
        self._granted = False
        self._before = self.state

    # Reading

    @property
    def state(self) -> WalletState:
        """The wallet as it stands, with what was posted so far."""
        return WalletState(
            available=self.available,
            held=self.held,
            debt=self.debt,
            overdraft_limit=self.overdraft_limit,
            overdraft_held=self.overdraft_held,
            low_bound=self.low_bound,
            granted_any=self.granted_any,
            seq=self.seq,
            digest=self.head,
            stopped_at=self.stopped_at,
            debt_since=self.debt_since,
        )

    def find(self, namespace: str, key: str, request_hash: bytes) -> dict[str, Any] | None:
        """The stored result of the operation with this key, or None. Raises IdempotencyConflict for other content."""
        for draft in self._pending.operations:
            if (draft.namespace, draft.key) == (namespace, key):
                found, result = draft.request_hash, draft.result
                break
        else:
            (rows,) = self._session.run(store.find(self.workspace_id, namespace, key))
            if not rows:
                return None
            found, result = bytes(rows[0][0]), json.loads(rows[0][1])
        if found != request_hash:
            raise IdempotencyConflict(namespace, key)
        return result

    # Posting

    def grant(
        self,
        *,
        operation: OperationDraft,
        amount: int,
        source: str,
        label: str,
        kind: str,
        effective_at: datetime | None = None,
        expires_at: datetime | None = None,
        priority: int = 0,
        unit_price_usd: Decimal | None = None,
        debit: str = ISSUED,
    ) -> LotState:
        """Bring in a lot. Debt is repaid from it first; one that starts later waits as scheduled; one that has
        expired already repays debt and expires. Raises AmountOutOfRange, ValueError for dates that contradict.
        """
        effective_at = effective_at or self.now
        if expires_at is not None and expires_at <= effective_at:
            raise ValueError("a lot cannot expire before it starts")
        self._read_all_lots()
        self._check_room(amount)
        lot = LotState(
            id=self._next(store.NEXT_LOT),
            source=source,
            amount=amount,
            remaining=amount,
            held=0,
            priority=priority,
            effective_at=effective_at,
            expires_at=expires_at,
            scheduled=effective_at > self.now,
        )
        terms = lot_terms(
            lot_id=lot.id,
            source=source,
            label=label,
            amount=amount,
            effective_at=effective_at,
            expires_at=expires_at,
            unit_price_usd=unit_price_usd,
        )
        self._transfer(operation, kind, debit, SCHEDULED if lot.scheduled else AVAILABLE, amount, lot=terms)
        assert operation.id is not None  # noqa: S101 - for mypy; the transfer gave it one
        self._pending.new_lots.append(NewLot(lot, operation.id, self.seq, label, unit_price_usd))
        self._lots[lot.id] = lot
        self.granted_any = self._granted = True
        if not lot.scheduled:
            self._repay(operation, lot)
            if expires_at is not None and expires_at <= self.now and lot.free:
                self._expire(operation, lot)
        return lot

    def spend(
        self,
        *,
        operation: OperationDraft,
        amount: int,
        occurred_at: datetime,
        items_digest: bytes | None = None,
    ) -> SpendResult:
        """Charge usage that happened: lots in burn order, the rest becomes debt. `amount` 0 posts nothing.

        `items_digest`: for a batch, the digest of its ordered (event id, amount) list.
        """
        covered = min(self._valid(amount), self.available)
        if covered:
            takes = self._take(covered)
            self._transfer(operation, "usage.spend", AVAILABLE, SPENT, covered, takes, occurred_at, items_digest)
        if owed := amount - covered:
            in_range(self.debt + owed)
            self._transfer(operation, "usage.debt", DEBT, SPENT, owed, (), occurred_at, items_digest)
        return SpendResult(covered=covered, debt=owed)

    def adjust(self, *, operation: OperationDraft, amount: int, label: str = "Adjustment") -> LotState | None:
        """A correction by the operator: a positive `amount` comes in as a lot of its own, a negative one is taken in
        burn order. Raises InsufficientCredits beyond the balance.
        """
        if amount > 0:
            return self.grant(
                operation=operation,
                amount=amount,
                source="promotion",
                label=label,
                kind="adjust.operator",
                debit=ADJUSTED,
            )
        if -amount > self.available:
            raise InsufficientCredits(needed=-amount, available=self.available)
        if amount:
            self._transfer(operation, "adjust.operator", AVAILABLE, ADJUSTED, -amount, self._take(-amount))
        return None

    def set_overdraft_limit(self, limit: int) -> None:
        """How far authorisations may go below zero."""
        self.overdraft_limit = self._valid(limit)
        self._pending.wallet = True

    def set_low_bound(self, bound: int) -> None:
        """Under which available + held count as low."""
        self.low_bound = self._valid(bound)
        self._pending.wallet = True

    # Writing

    def also(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Send the caller's own statement with the final write, in the same round trip and transaction."""
        self._also.append((sql, params))

    def flush(self, also: Sequence[Statement] = ()) -> list[Rows]:
        """Write what was posted so far, and run `also`, in one round trip; the rows of `also`. Called on exit, too."""
        statements = self._write()
        return self._session.run(*statements, *also)[len(statements) :]

    def close(self) -> None:
        """Write the rest and commit."""
        statements = self._write() + self._also
        self._session.finish(*statements)

    def _write(self) -> list[Statement]:
        pending = self._pending
        if not pending.transfers and not pending.wallet:
            return []
        self._settle_marks()
        wallet = [getattr(self, name) for name in _WALLET_ATTRIBUTES]
        statement = store.write(workspace_id=self.workspace_id, now=self.now, pending=pending, wallet=wallet)
        for draft in pending.operations:
            draft.written = True
        self._pending = Pending()
        self._announce()
        return [statement]

    def _settle_marks(self) -> None:
        """What the wallet says about itself, from what it holds now."""
        self.last_at = self.now
        if self._all_lots:
            self.next_due_at = min((lot.due_at for lot in self._lots.values() if lot.due_at), default=None)
        self.debt_since = (self.debt_since or self.now) if self.debt else None
        stopped = self.granted_any and self.state.headroom <= 0
        self.stopped_at = (self.stopped_at or self.now) if stopped else None

    def _announce(self) -> None:
        """Tell the packages above once it is committed. A failing listener must not undo or hide what was written."""
        state = self.state
        before, after = self._before.state, state.state
        self._before = state
        if self._granted:
            self._granted = False
            for granted in hooks.credits_granted:
                transaction.on_commit(partial(granted, self.workspace_id), robust=True)
        if before != after:
            crossing = Crossing(
                workspace_id=self.workspace_id,
                before=before,
                after=after,
                available=self.available,
                held=self.held,
                debt=self.debt,
                low_bound=self.low_bound,
                at=self.now,
            )
            for crossed in hooks.balance_crossed:
                transaction.on_commit(partial(crossed, crossing), robust=True)

    # Inside

    def _transfer(
        self,
        operation: OperationDraft,
        kind: str,
        debit: str,
        credit: str,
        amount: int,
        takes: Sequence[Take] = (),
        occurred_at: datetime | None = None,
        items_digest: bytes | None = None,
        lot: list[Any] | None = None,
    ) -> None:
        """Post one transfer: balances, sequence, chain, and the lots it takes from."""
        if operation.id is None or operation not in self._pending.operations:
            self._register(operation)
        self.available += amount * ((credit == AVAILABLE) - (debit == AVAILABLE))
        self.held += amount * ((credit == HELD) - (debit == HELD))
        self.debt += amount * ((debit == DEBT) - (credit == DEBT))
        self.seq += 1
        occurred_at = occurred_at or self.now
        text = canonical(
            workspace_id=self.workspace_id,
            seq=self.seq,
            operation=(
                operation.id,
                operation.namespace,
                operation.key,
                operation.kind,
                operation.request_hash.hex(),
                operation.actor,
                operation.reason,
            ),
            kind=kind,
            debit=debit,
            credit=credit,
            amount=amount,
            balance_after=self.available,
            occurred_at=occurred_at,
            created_at=self.now,
            items_digest=items_digest,
            reverses=None,
            takes=takes,
            lot=lot,
        )
        self.head = link(self.head, text)
        pending = self._pending
        pending.transfers.append(
            {
                "operation": operation.id,
                "seq": self.seq,
                "kind": kind,
                "debit": debit,
                "credit": credit,
                "amount": amount,
                "balance": self.available,
                "occurred_at": occurred_at.isoformat(),
                "items": items_digest.hex() if items_digest is not None else None,
                "digest": self.head.hex(),
            }
        )
        for position, (lot_id, part) in enumerate(takes):
            taken = self._lots[lot_id]
            taken.remaining -= part
            pending.touched[lot_id] = taken
            pending.takes.append({"seq": self.seq, "position": position, "lot": lot_id, "amount": part})

    def _register(self, operation: OperationDraft) -> None:
        if operation.written:
            return
        if operation.id is None:
            operation.id = self._spare_operation_id or self._next(store.NEXT_OPERATION)
            self._spare_operation_id = None
        self._pending.operations.append(operation)

    def _take(self, amount: int) -> list[Take]:
        """Takes for `amount` (at most `available`) in burn order."""
        takes = burn.take(burn.in_burn_order(self._lots.values()), amount)
        if sum(part for _, part in takes) < amount:
            if not self._some_lots_unread:
                raise LedgerError(f"the lots of workspace {self.workspace_id} hold less than its wallet says")
            self._read_all_lots()
            return self._take(amount)
        return takes

    def _repay(self, operation: OperationDraft, lot: LotState) -> None:
        """Every inflow repays debt first. Where there is debt nothing else is available: it is `lot` that pays."""
        if repaid := min(self.debt, self.available):
            self._transfer(operation, "debt.repay", AVAILABLE, DEBT, repaid, [Take(lot.id, repaid)])

    def _expire(self, operation: OperationDraft, lot: LotState) -> None:
        free = lot.free
        self._transfer(operation, "lot.expire", AVAILABLE, EXPIRED, free, [Take(lot.id, free)], lot.expires_at)

    def _start(self, operation: OperationDraft, lot: LotState) -> None:
        self._transfer(operation, "lot.start", SCHEDULED, AVAILABLE, lot.remaining, (), lot.effective_at)
        lot.scheduled = False
        self._pending.touched[lot.id] = lot
        self._granted = True
        self._repay(operation, lot)

    def post_due(self) -> None:
        """Start and expire lots whose instant has come, in the order of their instants."""
        if self.next_due_at is None or self.next_due_at > self.now:
            return
        self._read_all_lots()
        self._pending.wallet = True  # at least next_due_at moves
        while due := self._next_due():
            kind = "start" if due.scheduled else "expire"
            key = f"{kind}:{due.id}:{self.seq + 1}"
            draft = OperationDraft("ledger", key, hashlib.sha256(key.encode()).digest(), f"lot.{kind}")
            (self._start if due.scheduled else self._expire)(draft, due)

    def _next_due(self) -> LotState | None:
        due = [lot for lot in self._lots.values() if lot.due_at is not None and lot.due_at <= self.now]
        return min(due, key=lambda lot: (lot.due_at, lot.id), default=None)

    def _read_all_lots(self) -> None:
        """Every open lot of the wallet, scheduled ones included; those read before keep their state."""
        if self._all_lots:
            return
        (rows,) = self._session.run(store.all_lots(self.workspace_id))
        self._lots = {lot.id: lot for lot in map(store.lot_state, rows)} | self._lots
        self._all_lots, self._some_lots_unread = True, False

    def _check_room(self, amount: int) -> None:
        """The whole wallet must fit 64 bits, with what is scheduled to come."""
        if self._valid(amount) == 0:
            raise AmountOutOfRange("a grant must be more than nothing")
        in_range(sum(lot.remaining for lot in self._lots.values()) + amount)

    def _valid(self, amount: int) -> int:
        if amount < 0:
            raise AmountOutOfRange("an amount cannot be negative")
        return in_range(amount)

    def _next(self, sequence: Statement) -> int:
        ((row,),) = self._session.run(sequence)
        return int(row[0])


_WALLET_ATTRIBUTES = tuple("head" if column == "digest" else column for column in store.WALLET_COLUMNS)


@contextmanager
def open_book(workspace_id: int, *, now: datetime | None = None, also: Sequence[Statement] = ()) -> Iterator[Book]:
    """The book of a workspace, in one transaction: locked, due lots posted; written and committed on exit.

    `also` are the caller's own reading statements: they run after the lock in the same round trip, their rows are
    in `book.extra`. `now` is for history; the book's stamp is read after the lock and never goes backwards.
    """
    busy: set[int] = _open.__dict__.setdefault("workspaces", set())
    if workspace_id in busy:
        raise LedgerError(f"the book of workspace {workspace_id} is open already; a second one would not see it")
    with session() as tx:
        busy.add(workspace_id)
        try:
            book = _load(tx, workspace_id, now, also)
            book.post_due()
            yield book
            book.close()
        finally:
            busy.discard(workspace_id)


def _load(tx: Session, workspace_id: int, now: datetime | None, also: Sequence[Statement]) -> Book:
    # The lots come in a statement of their own: its snapshot must be taken after the lock was granted.
    statements = (store.lock(workspace_id), store.first_lots(workspace_id), *also)
    wallet, lots, *extra = tx.run(*statements)
    if not wallet:
        tx.run(store.create(workspace_id))
        wallet, lots, *extra = tx.run(*statements)
    book = Book(session=tx, workspace_id=workspace_id, wallet=wallet[0], lots=lots, now=now or clock.now())
    book.extra = extra
    return book
