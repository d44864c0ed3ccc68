"""The book of one workspace: the only way credits move.

`open_book` locks the wallet, posts what is due (lots that start or expire, holds whose time is over), and gives a
Book; everything posted in it is written in one round trip when the block ends. README.md has the accounts and the
rules. What a book can post: `lots` (what falls due), `holds` (running requests and usage), `corrections`, and here.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.credits import clock
from billing.credits.units import AmountOutOfRange, in_range
from billing.foundation import hostclock
from billing.ledger import store
from billing.ledger.accounts import ADJUSTED, AVAILABLE, EXPIRED, EXTEND, ISSUED, SCHEDULED
from billing.ledger.burn import Take
from billing.ledger.chain import lot_terms, unit_price
from billing.ledger.corrections import Brought, CorrectionBook
from billing.ledger.errors import IdempotencyConflict, InsufficientCredits, LedgerError, NotExtendable
from billing.ledger.left import Left, conditions
from billing.ledger.pending import NewLot
from billing.ledger.records import HoldState, LotState, OperationDraft
from billing.ledger.roundtrip import Rows, Statement
from billing.ledger.session import Session, resumed_session, session

_open = threading.local()


class Book(CorrectionBook):
    """A locked wallet and what is posted to it. Amounts are nano-credits; make one with `open_book`."""

    # Reading

    def find(self, namespace: str, key: str, request_hash: bytes) -> dict[str, Any] | None:
        """The stored result of the operation with this key, or None. Raises IdempotencyConflict for other content."""
        for draft in self._pending.operations:
            if (draft.namespace, draft.key) == (namespace, key):
                found, result = draft.request_hash, draft.result
                break
        else:
            rows = self._found.get((namespace, key))
            if rows is None:
                (rows,) = self._session.run(store.find(self.workspace_id, namespace, key))
            if not rows:
                return None
            found, result = bytes(rows[0][0]), json.loads(rows[0][1])
        if found != request_hash:
            raise IdempotencyConflict(namespace, key)
        return result

    def was_found(self, namespace: str, key: str, rows: Rows) -> None:
        """`rows` of `store.find` for an operation that was not posted in this book yet."""
        self._found[namespace, key] = rows

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
        self._read_all()
        self._check_room(amount)
        lot = LotState(
            id=self._next_lot(),
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
            self._came_back(operation, [lot.id], self.now)
        return lot

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

    def extend_lot(
        self, *, operation: OperationDraft, of: Brought, label: str, unit_price_usd: Decimal | None, until: datetime
    ) -> LotState:
        """Let what is free of a started lot go on in a new one that ends at `until`: out by the account it came from,
        and in again. What a hold pins stays. Raises NotExtendable where nothing is free.
        """
        self._read_all()
        free = min(of.lot.free, of.most)
        if free <= 0:
            raise NotExtendable("Nothing of it is left that is not on hold.")
        self._transfer(operation, EXTEND, AVAILABLE, of.debit, free, [Take(of.lot.id, free)], reverses=of.transfer)
        lot = self.grant(
            operation=operation,
            amount=free,
            source=of.lot.source,
            label=label,
            kind=EXTEND,
            expires_at=until,
            priority=of.lot.priority,
            unit_price_usd=unit_price_usd,
            debit=of.debit,
        )
        assert operation.id is not None  # noqa: S101 - for mypy; the transfers gave it one
        self.also(*store.extended(of.lot.id, into=lot.id, operation_id=operation.id, amount=free, at=self.now))
        return lot

    def lapse(self, *, operation: OperationDraft, most: int, left: Sequence[Sequence[int]], at: datetime) -> int:
        """Let credits end at `at`, before their lots do, so that of what was in these lots then (`left`: id and amount,
        from `store.left_at`) no more than `most` stays. The first lots give first; what was used or expired since is
        gone already, and what a hold pins stays. Returns what lapsed.
        """
        self._read_all()
        over, lapsed = max(sum(amount for _, amount in left) - self._valid(most), 0), 0
        for lot_id, amount in left:
            wanted = min(over, amount)
            over -= wanted
            lot = self._lots.get(lot_id)  # only open ones were read
            if lot is not None and (part := min(wanted, lot.free)) > 0:
                self._transfer(operation, "lot.expire", AVAILABLE, EXPIRED, part, [Take(lot_id, part)], at)
                lapsed += part
        return lapsed

    def set_overdraft_limit(self, limit: int) -> None:
        """How far authorisations may go below zero."""
        self.overdraft_limit = self._valid(limit)
        self._pending.wallet = True

    def set_low_bound(self, bound: int) -> None:
        """Under which available + held count as low."""
        self.low_bound = self._valid(bound)
        self._pending.wallet = True

    # Inside

    def _check_room(self, amount: int) -> None:
        """The whole wallet must fit 64 bits, with what is scheduled to come."""
        if self._valid(amount) == 0:
            raise AmountOutOfRange("a grant must be more than nothing")
        in_range(sum(lot.remaining for lot in self._lots.values()) + amount)


@contextmanager
def open_book(
    workspace_id: int,
    *,
    now: datetime | None = None,
    also: Sequence[Statement] = (),
    holds: Sequence[int] = (),
    remembered: HoldState | None = None,
    most_due: int | None = None,
    leave: bool = False,
) -> Iterator[Book]:
    """The book of a workspace, in one transaction: locked, what is due posted; written and committed on exit.

    `holds` are the primary keys of those that `book.hold_of` will be asked for. `also` are the caller's own reading
    statements: they run after the lock in the same round trip, their rows are in `book.extra`. `now` is for history;
    the book's stamp is read after the lock, is at most a minute from the database's clock, and never goes backwards.
    `remembered` is one of `holds`, alone, as it was when it was placed: the book has this very object while it is open,
    and reads it anew once it is not.
    `most_due` is for `wallet_settle`, which posts nothing else: so many holds that are due, and the rest later.
    With `leave`, `book.left` is what `resume_book` takes, once it was committed and if it can be resumed.
    """
    with session() as tx, _claimed(workspace_id):
        book = _load(tx, workspace_id, now, also, holds, remembered, leave=leave)
        book.post_due(most_due)
        yield book
        book.close()


@contextmanager
def resume_book(
    workspace_id: int, left: Left, now: datetime, *, given: Sequence[Statement], absent: Sequence[Statement]
) -> Iterator[Book]:
    """The book of a workspace as another one left it, locked, checked and written in one round trip. `now` is
    `left.now()`.

    Raises MovedOn, at the end of the block at the latest, when somebody changed the wallet since or has its lock, and
    when one of `given` returns no row or one of `absent` does. Nothing is written then; `open_book` and repeat.
    """
    with resumed_session(conditions(workspace_id, left, now, given=given, absent=absent)) as tx, _claimed(workspace_id):
        book = Book(
            session=tx,
            workspace_id=workspace_id,
            wallet=left.wallet,
            lots=left.lots,
            some_lots_unread=left.some_lots_unread,
            holds=left.holds,
            now=now,
        )
        book.post_due()
        yield book
        book.close()


@contextmanager
def _claimed(workspace_id: int) -> Iterator[None]:
    busy = claim(workspace_id)
    try:
        yield
    finally:  # before the end of the transaction: whoever is told of its commit may open the book again
        busy.discard(workspace_id)


def claim(*workspace_ids: int) -> set[int]:
    """The workspaces whose books are open in this thread, these among them from now on. Raises LedgerError."""
    busy: set[int] = _open.__dict__.setdefault("workspaces", set())
    for workspace_id in workspace_ids:
        if workspace_id in busy:
            raise LedgerError(f"the book of workspace {workspace_id} is open already; a second one would not see it")
    busy.update(workspace_ids)
    return busy


def _load(
    tx: Session,
    workspace_id: int,
    now: datetime | None,
    also: Sequence[Statement],
    holds: Sequence[int],
    remembered: HoldState | None,
    *,
    leave: bool,
) -> Book:
    # The lots come in a statement of their own: its snapshot must be taken after the lock was granted.
    if remembered is None:
        first = [store.first_lots(workspace_id), *([store.holds(workspace_id, holds)] if holds else [])]
    else:
        first = [store.first_lots_and_hold(workspace_id, remembered)]
    leave = leave and now is None and not clock.travelled()
    lock = store.lock_to_leave if leave else store.lock
    statements = (lock(workspace_id), *first, *also)
    wallet, lots, *extra = tx.run(*statements)
    if not wallet:
        tx.run(store.create(workspace_id))
        wallet, lots, *extra = tx.run(*statements)
    *row, locked_at = wallet[0][: store.LOCKED]
    now = now or hostclock.checked(locked_at)
    states: Iterable[HoldState] = map(store.hold_state, extra.pop(0)) if len(first) > 1 else ()
    if remembered is not None:
        states = _still_open(remembered, lots) or map(store.hold_state, tx.run(store.holds(workspace_id, holds))[0])
        lots = [lot[:-1] for lot in lots]
    book = Book(
        session=tx,
        workspace_id=workspace_id,
        wallet=row,
        lots=map(store.lot_state, lots),
        some_lots_unread=len(lots) == store.FIRST_LOTS,
        holds=states,
        now=now,
    )
    book.extra = extra
    if leave:
        book.leave(*wallet[0][store.LOCKED :], at=now)
    return book


def _still_open(remembered: HoldState, lots: Rows) -> list[HoldState]:
    """The hold as it is now, by what `store.first_lots_and_hold` returned; none where that says nothing."""
    if not lots or lots[0][-1] is None:
        return []
    remembered.open_until = lots[0][-1]
    return [remembered]
