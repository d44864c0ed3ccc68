"""Corrections: new operations that take back what another one did. Nothing that was posted is ever changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from billing.credits.units import in_range
from billing.ledger import store
from billing.ledger.accounts import ADJUSTED, AVAILABLE, DEBT, REFUNDED, SCHEDULED, SPENT
from billing.ledger.burn import Take
from billing.ledger.errors import LedgerError, NotReversible
from billing.ledger.holds import HoldBook
from billing.ledger.journal import Mirrored
from billing.ledger.records import LotState, OperationDraft, ReverseResult

REVERSIBLE = frozenset({SPENT, REFUNDED, ADJUSTED})  # where credits went that can come back


@dataclass(frozen=True, slots=True)
class Outflow:
    """A transfer that took from lots or made debt. `reversed` was taken back already; `left` was not, by take."""

    id: int
    seq: int
    kind: str
    debit: str
    credit: str
    amount: int
    reversed: int
    takes: tuple[Take, ...]
    left: tuple[Take, ...]

    @property
    def mirrored(self) -> Mirrored:
        return Mirrored(self.id, self.seq)


class Brought(NamedTuple):
    """A lot, the transfer that brought it in, and what was taken back of it by refunds and reversals."""

    lot: LotState
    transfer: Mirrored
    operation_id: int
    debit: str
    taken_back: int

    @property
    def most(self) -> int:
        """What can still be taken back of it; what goes on in another lot is that one's."""
        return self.lot.amount - self.taken_back


class CorrectionBook(HoldBook):
    """Postings that correct. Amounts are nano-credits."""

    def reverse(
        self, *, operation: OperationDraft, kind: str, operation_id: int, start: int = 0, amount: int | None = None
    ) -> ReverseResult:
        """Take back what an operation charged (usage), refunded or adjusted away, or the part [start, start + amount)
        of it in the order of its takes, as for one event of a batch.

        Each transfer is mirrored, last first: credits go back to the lots that paid, debt is cancelled. Where that
        debt was repaid meanwhile, the latest repayments are undone. What came back repays other debt at once, and
        expires at once in a lot that has expired. Raises NotReversible for a range that the operation does not have.
        """
        if self._pending.operations:
            self.flush()  # what this book posted is read back below
        outflows = [flow for flow in self._outflows(operation_id) if flow.credit in REVERSIBLE]
        whole = sum(flow.amount for flow in outflows)
        end = whole if amount is None else start + amount
        if not 0 <= start < end <= whole:
            raise NotReversible("There is nothing like that in the operation.")
        returned = cancelled = 0
        lots: list[int] = []
        for flow, takes, part in reversed(_within(outflows, start, end)):
            if flow.reversed + part > flow.amount:
                raise NotReversible("This was reversed before.")
            if flow.debit == DEBT:
                lots += self._reopen(operation, part)
                self._transfer(operation, kind, flow.credit, DEBT, part, reverses=flow.mirrored)
                cancelled += part
            else:
                back = [Take(lot_id, -taken) for lot_id, taken in reversed(takes)]
                self._check_left(flow, back)
                lots += self._lots_of(back)
                account = SCHEDULED if flow.debit == SCHEDULED and self._lots[back[0].lot_id].scheduled else AVAILABLE
                self._transfer(operation, kind, flow.credit, account, part, back, reverses=flow.mirrored)
                returned += part
        self._came_back(operation, lots, self.now)
        self.post_due()  # a lot whose start nobody posted, because nothing was left in it
        return ReverseResult(returned, cancelled)

    def brought(self, lot_id: int) -> Brought | None:
        """A lot of this workspace, used up or not, and where it came from."""
        (rows,) = self._session.run(store.brought(self.workspace_id, lot_id))
        if not rows:
            return None
        *lot, transfer_id, seq, operation_id, debit, taken_back = rows[0]
        state = self._lots.setdefault(lot_id, store.lot_state(lot))
        return Brought(state, Mirrored(transfer_id, seq), operation_id, debit, taken_back)

    def gone_on(self, of: Brought) -> list[Brought]:
        """A lot and those in which it was extended, in the order of that."""
        found = [of]
        for one in found:
            (rows,) = self._session.run(store.extensions_of(one.lot.id))
            found += filter(None, (self.brought(int(lot_id)) for (lot_id,) in rows))
        return found

    def claw_back(self, *, operation: OperationDraft, of: Brought, amount: int, kind: str, to: str = REFUNDED) -> int:
        """Take `amount` of what the lot brought in back out: from the lot, and those it was extended in, as far as it
        is there and not held, the rest as debt, which other credits repay at once. Returns what the lots still had.

        Raises NotReversible for more than the lot brought in, less what was taken back before.
        """
        lots = self.gone_on(of)
        if not 0 < amount <= sum(one.most for one in lots):
            raise NotReversible("More would be taken back than there is to take back.")
        taken, owed = dict.fromkeys((one.lot.id for one in lots), 0), amount
        for one in lots:
            account, there = (SCHEDULED, one.lot.remaining) if one.lot.scheduled else (AVAILABLE, one.lot.free)
            if part := min(owed, there, one.most):
                self._transfer(operation, kind, account, to, part, [Take(one.lot.id, part)], reverses=one.transfer)
                taken[one.lot.id] = part
                owed -= part
        from_lots = amount - owed
        if owed:
            in_range(self.debt + owed)
            debt_kind = "refund.debt" if kind == "refund.pack" else kind
            for one in lots:
                if part := min(owed, one.most - taken[one.lot.id]):
                    self._transfer(operation, debt_kind, DEBT, to, part, reverses=one.transfer)
                    owed -= part
            self._repay(operation)
        return from_lots

    def _outflows(self, operation_id: int) -> list[Outflow]:
        (rows,) = self._session.run(store.operation_outflow(self.workspace_id, operation_id))
        return [_outflow(row) for row in rows]

    def _reopen(self, operation: OperationDraft, amount: int) -> list[int]:
        """Undo the latest repayments until there is `amount` of debt to cancel; the lots that have credits again."""
        lots: list[int] = []
        missing = amount - self.debt
        for flow in self._repayments() if missing > 0 else ():
            back: list[Take] = []
            for lot_id, left in reversed(flow.left):
                if missing and left:
                    back.append(Take(lot_id, -min(left, missing)))
                    missing += back[-1].amount
            if back:
                lots += self._lots_of(back)
                part = -sum(take.amount for take in back)
                self._transfer(operation, "debt.reopen", DEBT, AVAILABLE, part, back, reverses=flow.mirrored)
            if not missing:
                return lots
        if missing > 0:
            raise LedgerError(f"workspace {self.workspace_id}: {missing} of the debt was never repaid")
        return lots

    def _repayments(self) -> Iterator[Outflow]:
        """Repayments of debt, latest first."""
        before = self.seq + 1
        while True:
            (rows,) = self._session.run(store.repayments(self.workspace_id, before))
            yield from map(_outflow, rows)
            if not rows:
                return
            before = rows[-1][1]

    def _check_left(self, flow: Outflow, back: Sequence[Take]) -> None:
        left = dict(flow.left)
        if any(-part > left[lot_id] for lot_id, part in back):
            raise NotReversible("This was reversed before.")


def _outflow(row: Sequence[Any]) -> Outflow:
    *fields, lots, amounts, returned = row
    takes = tuple(Take(*take) for take in zip(lots or (), amounts or (), strict=True))
    left = tuple(Take(lot, amount - back) for (lot, amount), back in zip(takes, returned or (), strict=True))
    fields += [takes, left]
    return Outflow(*fields)


def _within(outflows: Sequence[Outflow], start: int, end: int) -> list[tuple[Outflow, list[Take], int]]:
    """The part [start, end) of the transfers: each with its takes in the range, and its amount there."""
    found: list[tuple[Outflow, list[Take], int]] = []
    at = 0
    for flow in outflows:
        part = min(end, at + flow.amount) - max(start, at)
        if part > 0:
            takes = [take for take in _overlap(flow.takes, start - at, end - at) if take.amount]
            found.append((flow, takes, part))
        at += flow.amount
    return found


def _overlap(takes: Sequence[Take], start: int, end: int) -> Iterator[Take]:
    at = 0
    for lot_id, amount in takes:
        if (part := min(end, at + amount) - max(start, at)) > 0:
            yield Take(lot_id, part)
        at += amount
