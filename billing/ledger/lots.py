"""A book's lots: taking from them, repaying debt, and what falls due by the clock."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from billing.credits.units import AmountOutOfRange, in_range
from billing.ledger import burn, store
from billing.ledger.accounts import AVAILABLE, DEBT, EXPIRED, HELD, OVERDRAFT, OVERDRAFT_HELD, SCHEDULED
from billing.ledger.burn import Take
from billing.ledger.due import DueQueue
from billing.ledger.errors import HoldResolved, LedgerError
from billing.ledger.holdrows import RESOLVE
from billing.ledger.journal import Journal
from billing.ledger.records import HoldState, LotState, OperationDraft, Resolution


class LotBook(Journal):
    """The parts of a book that the postings share."""

    def post_due(self, most_holds: int | None = None) -> None:
        """Start and expire lots, and expire holds, whose instant has come, in the order of their instants.

        With `most_holds` only up to the last of the first so many holds: `next_due_at` then says that more is due.
        """
        if self.next_due_at is None or self.next_due_at > self.now:
            return
        until = self._read_all(most_holds)
        self.more_is_due = until is not None
        self._pending.wallet = True  # at least next_due_at moves
        queue = DueQueue(self._lots.values(), self._holds.values(), self.now)
        for due in queue:
            if until is not None and isinstance(due, LotState) and due.due_at is not None and due.due_at >= until:
                break  # holds that were not read come before it
            if isinstance(due, HoldState):
                self._expire_hold(due)
                queue.look_at(self._lots[pin.lot_id] for pin in due.pins)
            elif due.scheduled:
                self._start(self._by_the_clock("start", due.id), due)
                queue.look_at([due])
            else:
                self._expire(self._by_the_clock("expire", due.id), due)

    # Lots

    def _take(self, amount: int) -> list[Take]:
        """Takes for `amount` (at most `available`) in burn order."""
        takes = burn.take(burn.in_burn_order(self._lots.values()), amount)
        if sum(part for _, part in takes) < amount:
            if not self._some_lots_unread:
                raise LedgerError(f"the lots of workspace {self.workspace_id} hold less than its wallet says")
            self._read_all()
            return self._take(amount)
        return takes

    def _repay(self, operation: OperationDraft) -> None:
        """Every inflow repays debt first. Where there is debt nothing else is free: what came in pays."""
        if repaid := min(self.debt, self.available):
            self._transfer(operation, "debt.repay", AVAILABLE, DEBT, repaid, self._take(repaid))

    def _came_back(self, operation: OperationDraft, lot_ids: Iterable[int], at: datetime) -> None:
        """Credits are back in these lots since `at`: they repay debt; what is in a lot that has expired is gone.

        Raises AmountOutOfRange when the wallet cannot hold them.
        """
        in_range(self.available)
        self._repay(operation)
        for lot in (self._lots[lot_id] for lot_id in dict.fromkeys(lot_ids)):
            if lot.scheduled:
                self._due_at(lot.effective_at)
            elif lot.expires_at is None or not lot.free:
                continue
            elif lot.expires_at <= at:
                self._expire(operation, lot)
            else:
                self._due_at(lot.expires_at)  # one that was held whole was not looked at for its expiry

    def _start(self, operation: OperationDraft, lot: LotState) -> None:
        self._transfer(operation, "lot.start", SCHEDULED, AVAILABLE, lot.remaining, (), lot.effective_at)
        lot.scheduled = False
        self._pending.touched[lot.id] = lot
        self._granted = True
        self._repay(operation)

    def _expire(self, operation: OperationDraft, lot: LotState) -> None:
        free = lot.free
        self._transfer(operation, "lot.expire", AVAILABLE, EXPIRED, free, [Take(lot.id, free)], lot.expires_at)

    # Holds

    def _expire_hold(self, hold: HoldState) -> None:
        """Its time is over: what it pinned is free again, as of that instant."""
        at = hold.open_until
        operation = self._by_the_clock("expire-hold", hold.id)
        self._resolve(operation, hold, "expire")
        if hold.covered:
            self._transfer(operation, "hold.expire", HELD, AVAILABLE, hold.covered, hold.pins, at)
        self._end_overdraft(operation, hold, at)
        self._came_back(operation, (pin.lot_id for pin in hold.pins), at or self.now)

    def _resolve(self, operation: OperationDraft, hold: HoldState, resolution: Resolution) -> None:
        """A hold is resolved once. Raises HoldResolved."""
        if hold.resolution:
            raise HoldResolved(hold.resolution)
        self.record(operation)
        hold.resolution, hold.open_until = resolution, None
        self.open_holds -= 1
        self.ended.append(hold)
        hold_id, workspace = str(hold.id), str(self.workspace_id)
        values = (hold_id, workspace, resolution, str(operation.id), self._now, hold_id)
        self._pending.holds.append((RESOLVE, values))
        if any(pin.lot_id not in self._lots for pin in hold.pins):
            self._read_all()

    def _end_overdraft(self, operation: OperationDraft, hold: HoldState, at: datetime | None = None) -> None:
        if hold.overdraft:
            kind = "hold.overdraft_end"
            self._transfer(operation, kind, OVERDRAFT_HELD, OVERDRAFT, hold.overdraft, (), at)

    # Inside

    def _due_at(self, at: datetime) -> None:
        """The wallet has to be looked at then, at the latest."""
        self.next_due_at = min(self.next_due_at, at) if self.next_due_at else at

    def _by_the_clock(self, what: str, subject: int) -> OperationDraft:
        """An operation of our own. A lot expires again when something was put back: the sequence tells them apart."""
        key = f"{what}:{subject}" if what == "expire-hold" else f"{what}:{subject}:{self.seq + 1}"
        kind = {"start": "lot.start", "expire": "lot.expire", "expire-hold": "hold.expire"}[what]
        return OperationDraft("ledger", key, hashlib.sha256(key.encode()).digest(), kind)

    def _read_all(self, most_holds: int | None = None) -> datetime | None:
        """Every open lot of the wallet, scheduled ones included, and every hold that is due; those read before keep
        their state. With `most_holds` the first so many of them: the instant of the last where there may be more.
        """
        if self._all_read:
            return None
        lots, holds, ((expiry,),) = self._session.run(
            store.all_lots(self.workspace_id),
            store.due_holds(self.workspace_id, self.now, most_holds),
            store.next_expiry(self.workspace_id, self.now, self._holds),
        )
        self._lots = {lot.id: lot for lot in map(store.lot_state, lots)} | self._lots
        self._holds = {hold.id: hold for hold in map(store.hold_state, holds)} | self._holds
        until = store.hold_state(holds[-1]).open_until if len(holds) == most_holds else None
        self._next_expiry = until or expiry
        self._all_read, self._some_lots_unread = True, False
        return until

    def all_was_read(self, next_expiry: datetime | None) -> None:
        """It was made with every open lot and every hold that is due; the next other one expires at `next_expiry`."""
        self._next_expiry, self._all_read, self._some_lots_unread = next_expiry, True, False

    def take_ids(self, operations: list[int], lots: list[int]) -> None:
        """Ids that were asked for along with something else."""
        self._operation_ids += operations
        self._lot_ids += lots

    def _valid(self, amount: int) -> int:
        if amount < 0:
            raise AmountOutOfRange("an amount cannot be negative")
        return in_range(amount)

    def _lots_of(self, takes: Sequence[Take]) -> list[int]:
        """Their lots, made sure to be read: one that was used up is not among the open ones."""
        ids = [take.lot_id for take in takes]
        if missing := sorted(set(ids) - self._lots.keys()):
            (rows,) = self._session.run(store.some_lots(self.workspace_id, missing))
            self._lots |= {lot.id: lot for lot in map(store.lot_state, rows)}
        return ids
