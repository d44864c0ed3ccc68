"""The state of a locked wallet, the transfers posted to it, and how they are written.

What may be posted, and when, is the business of `billing.ledger.book`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any, NamedTuple

from billing.ledger import hooks, store
from billing.ledger.accounts import AVAILABLE, DEBT, HELD, IN_LOTS, OVERDRAFT_HELD
from billing.ledger.burn import Take
from billing.ledger.chain import canonical, link, stamp
from billing.ledger.due import next_instant
from billing.ledger.left import Left
from billing.ledger.pending import Pending
from billing.ledger.records import Crossing, HoldState, LotState, OperationDraft, WalletState
from billing.ledger.roundtrip import Rows, Statement
from billing.ledger.session import Session
from billing.ledger.state import headroom
from billing.ledger.write import write

# What the wallet's columns are called here, in the order of store.WALLET_COLUMNS.
_WALLET_ATTRIBUTES = tuple("head" if column == "digest" else column for column in store.WALLET_COLUMNS)


class Mirrored(NamedTuple):
    """The transfer that another one reverses."""

    id: int
    seq: int


class Journal:
    """A wallet and its open lots as they stand with everything posted so far. Amounts are nano-credits."""

    def __init__(
        self,
        *,
        session: Session,
        workspace_id: int,
        wallet: Sequence[Any],
        lots: Iterable[LotState],
        some_lots_unread: bool = False,
        holds: Iterable[HoldState],
        now: datetime,
    ) -> None:
        self.workspace_id = workspace_id
        (
            self.available,
            self.held,
            self.debt,
            self.overdraft_held,
            self.overdraft_limit,
            self.open_holds,
            self.seq,
            self.head,
            self.last_at,
            self.next_due_at,
            self.low_bound,
            self.granted_any,
            self.stopped_at,
            self.debt_since,
            self.budget_revision,
            self.topup_bound,
            self.alert_bound,
            spare,
        ) = wallet
        self._operation_ids = [spare]  # not given to an operation yet; the latest first
        self._ids_asked = 1
        self._found: dict[tuple[str, str], Rows] = {}  # what was looked up by key along with something else
        self._lot_ids: list[int] = []  # the same for lots; filled where many books are opened at once
        self.now = max(now, self.last_at) if self.last_at else now
        self._stamp, self._now = stamp(self.now), self.now.isoformat()  # as the chain and the rows have it
        self.extra: list[Rows] = []  # what the caller's own statements of `open_book` returned
        self._session = session
        self._lots = {lot.id: lot for lot in lots}
        self._holds: dict[int, HoldState] = {hold.id: hold for hold in holds}
        self._all_read = False  # every open lot, and every hold that is due
        self._next_expiry: datetime | None = None  # of the holds that were not read then
        self.more_is_due = False  # `post_due` was asked to leave some for later, and did
        self._some_lots_unread = some_lots_unread
        self._pending = Pending()
        self._also: list[Statement] = []
        self.ended: list[HoldState] = []  # holds that were resolved in this book
        self._leaving: tuple[int, str, datetime, float] | None = None
        self.left: Left | None = None
        self._granted = False
        self._before = self.state
        self._level_before = self.level

    @property
    def level(self) -> int:
        """What is there, on hold or not, less what is owed: the balance that top-ups and alerts look at."""
        level: int = self.available + self.held - self.debt
        return level

    @property
    def headroom(self) -> int:
        """What can still be authorised, with what was posted so far; negative beyond the overdraft."""
        return headroom(
            available=self.available,
            debt=self.debt,
            overdraft_limit=self.overdraft_limit,
            overdraft_held=self.overdraft_held,
        )

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
        reverses: Mirrored | None = None,
    ) -> None:
        """Post one transfer: balances, sequence, chain, and the lots it takes from."""
        self.record(operation)
        self.available += amount * ((credit == AVAILABLE) - (debit == AVAILABLE))
        self.held += amount * ((credit == HELD) - (debit == HELD))
        self.debt += amount * ((debit == DEBT) - (credit == DEBT))
        self.overdraft_held += amount * ((credit == OVERDRAFT_HELD) - (debit == OVERDRAFT_HELD))
        self.seq += 1
        at = self.now if occurred_at is None else occurred_at
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
            occurred_at=self._stamp if at is self.now else at,
            created_at=self._stamp,
            items_digest=items_digest,
            reverses=reverses.seq if reverses else None,
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
                "occurred_at": self._now if at is self.now else at.isoformat(),
                "items": items_digest.hex() if items_digest is not None else None,
                "reverses": reverses.id if reverses else None,
                "digest": self.head.hex(),
            }
        )
        pins = (credit == HELD) - (debit == HELD)
        leaves = not (debit in IN_LOTS and credit in IN_LOTS)
        for position, (lot_id, part) in enumerate(takes):
            taken = self._lots[lot_id]
            taken.held += part * pins
            taken.remaining -= part * leaves
            pending.touched[lot_id] = taken
            pending.takes.append({"seq": self.seq, "position": position, "lot": lot_id, "amount": part})

    def record(self, operation: OperationDraft) -> None:
        """Keep `operation` and its result for replays; every transfer does that for its own. It has an id then."""
        if operation.written or operation in self._pending.operations:
            return
        if operation.id is None:
            operation.identify(self._next_operation())
        self._pending.operations.append(operation)

    def leave(self, spare: int, version: str, *, at: datetime) -> None:
        """Keep what is left, in `self.left`, when it was committed: for a next book whose first operation gets the id
        `spare`. `version` is what this transaction makes of the wallet's row, `at` the instant that was read. The
        caller's own statements (`also`) must not change that row then.
        """
        self._leaving = (spare, version, at, monotonic())

    # Writing

    def also(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Send the caller's own statement with the final write, in the same round trip and transaction."""
        self._also.append((sql, params))

    def flush(self, also: Sequence[Statement] = ()) -> list[Rows]:
        """Write what was posted so far, and run `also`, in one round trip; the rows of `also`. Called on exit, too."""
        statements = self._write()
        return self._session.run(*statements, *also)[len(statements) :]

    def ask(self, statement: Statement) -> Rows:
        """The rows of a reading statement of the caller's, under the lock; a round trip of its own."""
        (rows,) = self._session.run(statement)
        return rows

    def budgets_changed(self) -> None:
        """Let everybody who keeps this workspace's budgets in memory read them again; written when the book closes."""
        self.also(*store.budgets_changed(self.workspace_id))
        self._leaving = None  # the next book has to read the new revision

    def close(self) -> None:
        """Write the rest and commit."""
        self._session.finish(*self.closing())
        # Whoever resumes it must not use an operation's id that is lower than one of this book's.
        if self._leaving is not None and self._session.outermost and self._ids_asked == 1:
            self.left = self._left(*self._leaving)

    def _left(self, spare: int, version: str, at: datetime, since: float) -> Left:
        columns = [getattr(self, name) for name in _WALLET_ATTRIBUTES]
        return Left(
            version=version,
            wallet=(*columns, self.budget_revision, self.topup_bound, self.alert_bound, spare),
            lots=tuple(self._lots.values()),
            some_lots_unread=self._some_lots_unread,
            holds=tuple(replace(hold) for hold in self._holds.values() if hold.open_until is not None),
            at=at,
            since=since,
        )

    def closing(self) -> list[Statement]:
        """What is left to write, with what the packages above write when holds end."""
        if self.ended:
            for listener in hooks.holds_ended:
                self._also.extend(listener(self, self.ended))
        return self._write() + self._also

    def _write(self) -> list[Statement]:
        pending = self._pending
        if not pending.operations and not pending.wallet:
            return []
        self._settle_marks()
        wallet = [getattr(self, name) for name in _WALLET_ATTRIBUTES]
        statements = write(workspace_id=self.workspace_id, now=self.now, pending=pending, wallet=wallet)
        for draft in pending.operations:
            draft.written = True
        self._pending = Pending()
        self._announce()
        return statements

    def _settle_marks(self) -> None:
        """What the wallet says about itself, from what it holds now."""
        self.last_at = self.now
        if self._all_read:
            self.next_due_at = next_instant(self._lots.values(), self._holds.values(), self._next_expiry)
        self.debt_since = (self.debt_since or self.now) if self.debt else None
        stopped = self.granted_any and self.headroom <= 0
        self.stopped_at = (self.stopped_at or self.now) if stopped else None

    def _announce(self) -> None:
        """Tell the packages above, once it is committed."""
        state = self.state
        before, after = self._before.state, state.state
        self._before = state
        if self._granted:
            self._granted = False
            hooks.tell(hooks.credits_granted, self.workspace_id)
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
            hooks.tell(hooks.balance_crossed, crossing)
        was, self._level_before = self._level_before, self.level
        if was >= self.topup_bound > self._level_before:
            hooks.tell(hooks.topup_bound_crossed, self.workspace_id)
        if self.alert_bound is not None and was >= self.alert_bound > self._level_before:
            hooks.tell(hooks.alert_bound_crossed, self.workspace_id)

    def _next_operation(self) -> int:
        """One came with the lock. Whoever needs more gets ever more at once: a batch of holds needs a thousand."""
        if not self._operation_ids:
            self._ids_asked = min(4 * self._ids_asked, 256)
            (rows,) = self._session.run(store.operation_ids(self._ids_asked))
            self._operation_ids = sorted((int(pk) for (pk,) in rows), reverse=True)
        return int(self._operation_ids.pop())

    def _next_lot(self) -> int:
        if self._lot_ids:
            return self._lot_ids.pop()
        ((row,),) = self._session.run(store.NEXT_LOT)
        return int(row[0])
