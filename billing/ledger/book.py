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
from typing import Any

from billing.credits.units import AmountOutOfRange, in_range
from billing.foundation import hostclock
from billing.ledger import burn, store
from billing.ledger.accounts import ADJUSTED, AVAILABLE, DEBT, EXPIRED, ISSUED, SCHEDULED, SPENT
from billing.ledger.burn import Take
from billing.ledger.chain import lot_terms, unit_price
from billing.ledger.errors import IdempotencyConflict, InsufficientCredits, LedgerError
from billing.ledger.journal import Journal
from billing.ledger.pending import NewLot
from billing.ledger.records import LotState, OperationDraft, SpendResult
from billing.ledger.roundtrip import Statement
from billing.ledger.session import Session, session

_open = threading.local()


class Book(Journal):
    """A locked wallet and what is posted to it. Amounts are nano-credits; make one with `open_book`."""

    # Reading

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
        expired already repays debt and expires. `unit_price_usd` is kept with twelve decimals, half-even. Raises
        AmountOutOfRange, ValueError for dates that contradict.
        """
        effective_at = effective_at or self.now
        if expires_at is not None and expires_at <= effective_at:
            raise ValueError("a lot cannot expire before it starts")
        if unit_price_usd is not None:
            unit_price_usd = unit_price(unit_price_usd)
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

    # Inside

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


@contextmanager
def open_book(workspace_id: int, *, now: datetime | None = None, also: Sequence[Statement] = ()) -> Iterator[Book]:
    """The book of a workspace, in one transaction: locked, due lots posted; written and committed on exit.

    `also` are the caller's own reading statements: they run after the lock in the same round trip, their rows are
    in `book.extra`. `now` is for history; the book's stamp is read after the lock, is at most a minute from the
    database's clock, and never goes backwards.
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
    *row, locked_at = wallet[0]
    now = now or hostclock.checked(locked_at)
    book = Book(session=tx, workspace_id=workspace_id, wallet=row, lots=lots, now=now)
    book.extra = extra
    return book
