"""Holds: credits set aside for a request that is running, then settled or released, exactly once."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from billing.credits.units import in_range
from billing.ledger import burn
from billing.ledger.accounts import AVAILABLE, DEBT, HELD, OVERDRAFT, OVERDRAFT_HELD, SPENT
from billing.ledger.burn import Take
from billing.ledger.errors import HoldResolved, HoldTooLong, InsufficientCredits
from billing.ledger.holdrows import EXTEND, PLACE
from billing.ledger.lots import LotBook
from billing.ledger.records import HoldState, OperationDraft, SpendResult
from billing.ledger.store import as_text

LONGEST = timedelta(hours=24)
MOST_OPEN = 10_000  # holds of a workspace at a time


class HoldBook(LotBook):
    """Postings for running requests. Amounts are nano-credits."""

    def hold_of(self, pk: int) -> HoldState | None:
        """A hold named in `open_book(holds=…)`, as it is now: expired when its time is over. None: no such hold."""
        return self._holds.get(pk)

    def hold(
        self,
        *,
        operation: OperationDraft,
        amount: int,
        expires_at: datetime,
        origin: str,
        label: str = "",
        request: Mapping[str, Any] | None = None,
    ) -> HoldState:
        """Set `amount` aside: from lots in burn order, what they do not cover from the plan's overdraft.

        `origin` is the class of key that may resolve it; `request`, JSON, says what request it is for. Raises
        InsufficientCredits beyond both, HoldTooLong, and ValueError for one that would be over already.
        """
        most = max(self.headroom, 0)
        if self._valid(amount) > most:
            raise InsufficientCredits(needed=amount, available=most)
        self._check_life(self.now, expires_at)
        covered = min(amount, self.available)
        self.record(operation)
        pins = self._take(covered) if covered else []
        if covered:
            self._transfer(operation, "hold.place", AVAILABLE, HELD, covered, pins)
        if overdraft := amount - covered:
            in_range(self.overdraft_held + overdraft)
            self._transfer(operation, "hold.overdraft", OVERDRAFT, OVERDRAFT_HELD, overdraft)
        assert operation.id is not None  # noqa: S101 - for mypy; it was recorded
        hold = HoldState(operation.id, origin, amount, overdraft, self.now, expires_at, "", pins)
        self._holds[hold.id] = hold
        self.open_holds += 1
        self._due_at(expires_at)
        whose, until = (str(hold.id), str(self.workspace_id), origin), expires_at.isoformat()
        written = None if request is None else json.dumps(request)
        values = (*whose, str(amount), str(overdraft), label, self._now, until, until, written)
        self._pending.holds.append((PLACE, values))
        return hold

    def settle(
        self,
        *,
        operation: OperationDraft,
        hold: HoldState,
        amount: int,
        occurred_at: datetime,
        items_digest: bytes | None = None,
        kind: str = "hold.settle",
    ) -> SpendResult:
        """Charge usage that was held for: the pinned lots pay first, what they do not cover comes from the balance or
        becomes debt, what is left of the hold is free again. `kind` says what the pinned lots pay for where that is no
        request. Raises HoldResolved.
        """
        self._valid(amount)
        self._resolve(operation, hold, "settle")
        used = burn.first(hold.pins, amount)
        pinned = sum(part for _, part in used)
        if pinned:
            self._transfer(operation, kind, HELD, SPENT, pinned, used, occurred_at, items_digest)
        self._let_go(operation, hold, burn.rest(hold.pins, amount))
        more = self.spend(
            operation=operation, amount=amount - pinned, occurred_at=occurred_at, items_digest=items_digest
        )
        return SpendResult(covered=pinned + more.covered, debt=more.debt)

    def release(self, *, operation: OperationDraft, hold: HoldState) -> None:
        """Nothing was used: all of it is free again. Raises HoldResolved."""
        self._resolve(operation, hold, "release")
        self._let_go(operation, hold, hold.pins)

    def extend(self, *, operation: OperationDraft, hold: HoldState, expires_at: datetime) -> None:
        """Let it live until `expires_at`; an earlier instant than it has changes nothing.

        Raises HoldResolved, HoldTooLong for more than 24 hours in all.
        """
        if hold.resolution or hold.open_until is None:
            raise HoldResolved(hold.resolution)
        self._check_life(hold.created_at, expires_at)
        self.record(operation)
        if expires_at <= hold.open_until:
            return
        hold.open_until = expires_at
        values = (hold.id, operation.id, expires_at, self.now, expires_at, hold.id)
        self._pending.holds.append((EXTEND, [as_text(value) for value in values]))

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

    def pay(self, *, operation: OperationDraft, amount: int, kind: str, occurred_at: datetime | None = None) -> None:
        """Charge what is only given while it can be paid, whole or not at all: nothing of it becomes debt. `kind` says
        what it is for. Raises InsufficientCredits beyond the balance, AmountOutOfRange.
        """
        if self._valid(amount) > self.available:
            raise InsufficientCredits(needed=amount, available=self.available)
        if amount:
            self._transfer(operation, kind, AVAILABLE, SPENT, amount, self._take(amount), occurred_at)

    def _let_go(self, operation: OperationDraft, hold: HoldState, pins: list[Take]) -> None:
        if amount := sum(part for _, part in pins):
            self._transfer(operation, "hold.release", HELD, AVAILABLE, amount, pins)
        self._end_overdraft(operation, hold)
        self._came_back(operation, (pin.lot_id for pin in pins), self.now)

    def _check_life(self, since: datetime, until: datetime) -> None:
        if until <= self.now:
            raise ValueError("a hold cannot expire before it begins")
        if until - since > LONGEST:
            raise HoldTooLong("A hold lives 24 hours at most, with all its extensions.")
