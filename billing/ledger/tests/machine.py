"""What can happen to a wallet, as a Hypothesis state machine."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from billing.ledger.book import open_book
from billing.ledger.correction_services import lot_refund, operation_reverse
from billing.ledger.hold_services import hold_extend, hold_release
from billing.ledger.records import OperationDraft
from billing.ledger.services import credits_adjust, credits_grant, wallet_settle
from billing.ledger.tests.reference import Charge, Hold, Pot, Refused
from billing.ledger.tests.sidebyside import MINUTE, SideBySide

# How often each thing happens. One rule chooses, because Hypothesis leaves whole rules out of most histories.
OFTEN = {
    "pass_time": 5,
    "say_it_again": 1,
    "grant": 4,
    "adjust": 2,
    "spend": 5,
    "overdraft": 1,
    "hold": 6,
    "settle": 4,
    "release": 3,
    "extend": 2,
    "reverse_usage": 4,
    "refund": 2,
    "reverse_what_the_operator_did": 2,
}


@dataclass(frozen=True)
class Lot:
    amount: int
    source: str
    starts: int  # minutes from now
    lasts: int | None  # minutes
    priority: int


@dataclass(frozen=True)
class Drawn:
    """What a step may need; each takes what it wants of it."""

    amount: int
    share: float | None  # of what there is, instead of the amount
    minutes: int
    beside: int  # microseconds
    number: int
    flag: bool
    lot: Lot

    def of(self, whole: int) -> int:
        return self.amount if self.share is None else int(whole * self.share)


# Few and small numbers, so that amounts meet each other and things fall on the same instant.
lots = st.builds(
    Lot,
    amount=st.integers(1, 200).map(lambda n: n if n < 198 else 10**12),
    source=st.sampled_from(["plan", "promotion", "bought"]),
    starts=st.sampled_from([0, 0, 0, 0, -5, 2, 4, 9]),
    lasts=st.sampled_from([None, None, 2, 5, 8, 12, 20, 30, 60, 1_000]),
    priority=st.sampled_from([0, 0, 0, 0, -1, 1]),
)
drawn = st.builds(
    Drawn,
    amount=st.integers(0, 60),
    share=st.sampled_from([None, None, 0.2, 0.4, 0.6, 1, 1.3]),
    minutes=st.sampled_from([1, 2, 3, 4, 5, 8, 12, 20, 60, 1_000, 1_500]),
    beside=st.sampled_from([0, 0, 0, -1, 1]),
    number=st.integers(0, 15),
    flag=st.booleans(),
    lot=lots,
)


class LedgerMachine(SideBySide):
    """Each step does one thing to both and compares what they answer."""

    @initialize(begins=st.lists(lots, min_size=1, max_size=5), limit=st.sampled_from([0, 0, 20, 150]))
    def begin(self, begins: list[Lot], limit: int) -> None:
        for lot in begins:
            self._grant(lot)
        self._overdraft(limit)

    @rule(what=st.sampled_from([what for what, often in OFTEN.items() for _ in range(often)]), drawn=drawn)
    def step(self, what: str, drawn: Drawn) -> None:
        if what in ("settle", "release", "extend") and not self.model.holds:
            what = "hold"
        if what == "reverse_usage" and not self.used:
            what = "spend"
        getattr(self, what)(drawn)

    # Time

    def pass_time(self, drawn: Drawn) -> None:
        """A while, or until the very instant at which something happens, or a microsecond beside it."""
        instants = self.model.next_instants()[:3]
        if instants and drawn.number % 4:
            at = instants[drawn.number % len(instants)] + timedelta(microseconds=drawn.beside)
        else:
            at = self.now + drawn.minutes * MINUTE
        self.model.wait_until(max(self.now, at))
        if drawn.flag:
            wallet_settle(workspace_id=self.ws, now=self.now)

    def say_it_again(self, drawn: Drawn) -> None:
        """A repeat is answered as the first time, and changes nothing."""
        told = self.again()
        assert told.replay
        for name in self.told.__dataclass_fields__.keys() - {"replay"}:
            assert getattr(told, name) == getattr(self.told, name)

    # Credits come in

    def grant(self, drawn: Drawn) -> None:
        self._grant(drawn.lot)

    def _grant(self, lot: Lot) -> None:
        begin = self.now + lot.starts * MINUTE
        end = begin + lot.lasts * MINUTE if lot.lasts else None
        owed = self.model.debt
        terms = {"source": lot.source, "priority": lot.priority}
        told = self.keyed(credits_grant, amount=lot.amount, label="Gift", effective_at=begin, expires_at=end, **terms)
        pot = self.model.grant(told.lot_id, lot.amount, starts=begin, ends=end, **terms)
        assert (told.repaid, told.balance) == (owed - self.model.debt, self.model.available)
        self.given.append((self.operation_id(), pot))

    def adjust(self, drawn: Drawn) -> None:
        """Up, or down by a share of what is there, or by any amount."""
        if drawn.flag:
            told = self.keyed(credits_adjust, amount=drawn.amount + 1, reason="Wrong", actor="sam")
            terms = {"source": "promotion", "priority": 0, "starts": self.now, "ends": None}
            pot = self.model.grant(told.lot_id, drawn.amount + 1, **terms)  # type: ignore[arg-type]
            assert told.balance == self.model.available
            self.given.append((self.operation_id(), pot))
            return
        amount = drawn.of(self.model.available) or 1
        done = self.both(
            lambda: self.model.adjust_down(amount),
            lambda: self.keyed(credits_adjust, amount=-amount, reason="Wrong", actor="sam"),
        )
        if done:
            assert done[1].balance == self.model.available
            self.taken.append((self.operation_id(), done[0]))

    # Credits go out

    def spend(self, drawn: Drawn) -> None:
        amount = drawn.of(self.model.available) or 1
        operation = self.draft("usage.spend")
        with open_book(self.ws, now=self.now) as book:
            told = book.spend(operation=operation, amount=amount, occurred_at=book.now)
        self._charged(operation, self.model.spend(amount), told)

    def _charged(self, operation: OperationDraft, charge: Charge, told: Any) -> None:
        owed = sum(part.amount for part in charge.parts if part.pot is None)
        assert (told.covered, told.debt) == (charge.amount - owed, owed)
        assert operation.id is not None
        self.used.append((operation.id, charge))

    # Holds

    def overdraft(self, drawn: Drawn) -> None:
        self._overdraft(drawn.amount if drawn.flag else 0)

    def _overdraft(self, limit: int) -> None:
        with open_book(self.ws, now=self.now) as book:
            book.set_overdraft_limit(limit)
        self.model.overdraft = limit

    def hold(self, drawn: Drawn) -> None:
        amount, until = drawn.of(self.model.headroom), self.now + drawn.minutes * MINUTE
        operation = self.draft("hold.place")

        def place() -> int:
            with open_book(self.ws, now=self.now) as book:
                return book.hold(operation=operation, amount=amount, expires_at=until, origin="service").id

        if done := self.both(lambda: self.model.hold(-1, amount, until), place):
            done[0].id = done[1]

    def settle(self, drawn: Drawn) -> None:
        """Below the hold, at it, above it, or with any amount."""
        hold = self.pick_hold(drawn.number)
        amount = drawn.of(hold.amount)
        operation = self.draft("usage.spend")

        def settle() -> Any:
            with open_book(self.ws, now=self.now, holds=[hold.id]) as book:
                state = book.hold_of(hold.id)
                assert state is not None
                return book.settle(operation=operation, hold=state, amount=amount, occurred_at=book.now)

        if done := self.both(lambda: self.model.settle(hold, amount), settle):
            self._charged(operation, *done)

    def release(self, drawn: Drawn) -> None:
        hold = self.pick_hold(drawn.number)
        done = self.both(
            lambda: self.model.release(hold), lambda: self.keyed(hold_release, hold_id=hold.id, origin="service")
        )
        if done:
            assert (done[1].available, done[1].held) == (self.model.available, self.model.held)

    def extend(self, drawn: Drawn) -> None:
        hold, by = self.pick_hold(drawn.number), drawn.minutes * MINUTE
        done = self.both(
            lambda: self.model.extend(hold, self.now + by),
            lambda: self.keyed(hold_extend, hold_id=hold.id, origin="service", expires_in=by),
        )
        if done:
            assert done[1].expires_at == hold.until

    # Corrections

    def reverse_usage(self, drawn: Drawn) -> None:
        """A charge, or a part of it, as for one event of a batch; mostly one that the balance did not cover."""
        owed = [each for each in self.used if each[1].parts and each[1].parts[-1].pot is None]
        operation_id, charge = self.pick(owed if owed and drawn.number % 3 else self.used, drawn.number)
        start = 0 if drawn.flag or not charge.amount else drawn.amount % charge.amount
        part = None if drawn.flag else min(drawn.of(charge.amount), charge.amount - start)
        operation = self.draft("usage.reverse")
        operation.reverses_id = operation_id

        def reverse() -> Any:
            with open_book(self.ws, now=self.now) as book:
                return book.reverse(
                    operation=operation, kind="usage.reverse", operation_id=operation_id, start=start, amount=part
                )

        if done := self.both(lambda: self.model.reverse(charge, start, part), reverse):
            assert (done[1].returned, done[1].cancelled) == done[0]

    def refund(self, drawn: Drawn) -> None:
        """A share of what a lot brought in, or exactly what is there of it."""
        pot: Pot = self.pick(self.given, drawn.number)[1]
        amount = (drawn.flag and pot.free) or drawn.of(pot.size)
        done = self.both(
            lambda: self.model.refund(pot, amount),
            lambda: self.keyed(lot_refund, lot_id=pot.id, amount=amount, reason="Money back", actor="sam"),
        )
        if done:
            self._took_back(*done)
            self.taken.append((self.operation_id(), done[0]))

    def _took_back(self, charge: Charge, told: Any) -> None:
        there = sum(part.amount for part in charge.parts if part.pot)
        assert (told.amount, told.from_lot, told.spent) == (charge.amount, there, charge.amount - there)
        assert (told.owed, told.balance) == (self.model.debt, self.model.available)

    def reverse_what_the_operator_did(self, drawn: Drawn) -> None:
        """A grant, an adjustment or a refund, whole and once."""
        operation_id, what = self.pick([*self.given, *self.taken], drawn.number)

        def of_model() -> Any:
            if operation_id in self.reversed:
                raise Refused("nothing")
            if isinstance(what, Pot):
                return self.model.refund(what, what.size - what.taken_back)
            return self.model.reverse(what)

        done = self.both(
            of_model, lambda: self.keyed(operation_reverse, operation_id=operation_id, reason="Oops", actor="sam")
        )
        if not done:
            return
        self.reversed.add(operation_id)
        if isinstance(what, Pot):
            self._took_back(*done)
        else:
            returned, cancelled = done[0]
            assert (done[1].from_lot, done[1].spent) == (returned, cancelled)
            assert (done[1].owed, done[1].balance) == (self.model.debt, self.model.available)

    def pick(self, found: list[Any], number: int) -> Any:
        """One of them, the latest ones more often."""
        return found[-1 - number % min(len(found), 4 if number % 2 else len(found))]

    def pick_hold(self, number: int) -> Hold:
        """Mostly an open one."""
        still = [hold for hold in self.model.holds if not hold.ended]
        found: Hold = self.pick(still if still and number % 5 else self.model.holds, number)
        return found
