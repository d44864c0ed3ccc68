"""What the ledger should do, as a simple model: pots of credits in memory, nothing of billing.ledger, no database.

Slow and plain on purpose: everything is a list that is searched. Amounts are whole numbers.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

RANK = {"plan": 0, "promotion": 1, "bought": 2}
LONGEST = timedelta(hours=24)


class Refused(Exception):
    """`why` is one of "insufficient", "settle", "release", "expire" (how a hold ended), "too long", "nothing"."""

    def __init__(self, why: str, most: int = 0) -> None:
        super().__init__(why)
        self.why = why
        self.most = most


@dataclass(eq=False)
class Pot:
    """A lot."""

    id: int
    source: str
    priority: int
    size: int
    left: int
    starts: datetime
    ends: datetime | None
    waiting: bool  # for its start
    pinned: int = 0
    lapsed: bool = False  # something of it expired
    taken_back: int = 0

    @property
    def free(self) -> int:
        return 0 if self.waiting else self.left - self.pinned

    @property
    def order(self) -> tuple[object, ...]:
        """By priority, what ends first, plan before promotion before bought, oldest."""
        return self.priority, self.ends is None, self.ends, RANK[self.source], self.starts, self.id

    def lapse(self) -> None:
        self.lapsed |= self.free > 0
        self.left -= self.free


@dataclass(eq=False)
class Part:
    """`amount` that came from a pot, or from no pot: then it became debt. `returned` of it was taken back."""

    pot: Pot | None
    amount: int
    returned: int = 0


@dataclass(eq=False)
class Hold:
    id: int
    amount: int
    pins: list[Part]
    beyond: int  # what no pot covers
    made: datetime
    until: datetime
    ended: str = ""  # "settle", "release", "expire"


@dataclass(eq=False)
class Charge:
    """What was used, refunded or adjusted away, in the order in which it was paid."""

    parts: list[Part]
    of: Pot | None = None  # the pot that a refund takes from
    reversed: bool = False

    @property
    def amount(self) -> int:
        return sum(part.amount for part in self.parts)


@dataclass
class Reference:
    now: datetime
    pots: list[Pot] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    repaid: list[Part] = field(default_factory=list)  # what pots paid for debt, in this order
    debt: int = 0
    overdraft: int = 0  # how far holds may go below zero

    @property
    def available(self) -> int:
        return sum(pot.free for pot in self.pots)

    @property
    def held(self) -> int:
        return sum(pot.pinned for pot in self.pots)

    @property
    def beyond(self) -> int:
        """Part of the open holds that no pot covers."""
        return sum(hold.beyond for hold in self.holds if not hold.ended)

    @property
    def headroom(self) -> int:
        return max(0, self.available - self.debt + self.overdraft - self.beyond)

    # Time

    def wait_until(self, now: datetime) -> None:
        """Everything that is due happens, at its own instant; at one instant holds end first."""
        while due := self._due(now):
            at, _, _, what = min(due, key=lambda each: each[:3])
            if isinstance(what, Hold):
                self._end(what, "expire")
                self._came_in([pin.pot for pin in what.pins], at)
            elif what.waiting:
                what.waiting = False
                self._came_in([what], at)
            else:
                what.lapse()
        self.now = now

    def _due(self, now: datetime) -> list[tuple[datetime, int, int, Hold | Pot]]:
        due: list[tuple[datetime, int, int, Hold | Pot]] = []
        due += [(hold.until, 0, hold.id, hold) for hold in self.holds if not hold.ended and hold.until <= now]
        due += [(pot.starts, 1, pot.id, pot) for pot in self.pots if pot.waiting and pot.starts <= now]
        due += [(pot.ends, 1, pot.id, pot) for pot in self.pots if pot.free and pot.ends and pot.ends <= now]
        return due

    def next_instants(self) -> list[datetime]:
        """Instants at which something will happen."""
        found = [hold.until for hold in self.holds if not hold.ended]
        found += [pot.starts for pot in self.pots if pot.waiting]
        found += [pot.ends for pot in self.pots if pot.left and pot.ends]
        return sorted({at for at in found if at > self.now})

    # Credits come in

    def grant(
        self, id: int, amount: int, *, source: str, priority: int, starts: datetime, ends: datetime | None
    ) -> Pot:
        pot = Pot(id, source, priority, amount, amount, starts, ends, waiting=starts > self.now)
        self.pots.append(pot)
        if not pot.waiting:
            self._came_in([pot], self.now)
        return pot

    def _came_in(self, pots: list[Pot | None], at: datetime) -> None:
        """What comes in repays debt; what is in a pot that is over by then is gone."""
        self._repay()
        for pot in pots:
            if pot is not None and pot.ends and pot.ends <= at:
                pot.lapse()

    def _repay(self) -> None:
        paid = self._take(min(self.debt, self.available))
        self.repaid += paid
        self.debt -= sum(part.amount for part in paid)

    def _take(self, amount: int) -> list[Part]:
        """Out of the pots, the first in the burn order first; less than `amount` when they have less."""
        taken = self._choose(amount)
        for part in taken:
            assert part.pot is not None
            part.pot.left -= part.amount
        return taken

    def _choose(self, amount: int) -> list[Part]:
        chosen = []
        for pot in sorted(self.pots, key=lambda pot: pot.order):
            if part := min(pot.free, amount):
                chosen.append(Part(pot, part))
                amount -= part
        return chosen

    # Credits go out

    def spend(self, amount: int) -> Charge:
        """Use that happened: what the pots do not have becomes debt."""
        parts = self._take(amount)
        if owed := amount - sum(part.amount for part in parts):
            parts.append(Part(None, owed))
            self.debt += owed
        return Charge(parts)

    def adjust_down(self, amount: int) -> Charge:
        if amount > self.available:
            raise Refused("insufficient", self.available)
        return Charge(self._take(amount))

    def refund(self, pot: Pot, amount: int) -> Charge:
        """Take back what `pot` brought in: what is not in it any more becomes debt, which other pots pay."""
        if not 0 < amount <= pot.size - pot.taken_back:
            raise Refused("nothing")
        there = min(amount, pot.left if pot.waiting else pot.free)
        pot.left -= there
        pot.taken_back += amount
        self.debt += amount - there
        self._repay()
        return Charge([part for part in (Part(pot, there), Part(None, amount - there)) if part.amount], of=pot)

    # Holds

    def hold(self, id: int, amount: int, until: datetime) -> Hold:
        if amount > self.headroom:
            raise Refused("insufficient", self.headroom)
        if until > self.now + LONGEST:
            raise Refused("too long")
        pins = self._choose(amount)
        for pin in pins:
            assert pin.pot is not None
            pin.pot.pinned += pin.amount
        hold = Hold(id, amount, pins, amount - sum(pin.amount for pin in pins), self.now, until)
        self.holds.append(hold)
        return hold

    def extend(self, hold: Hold, until: datetime) -> None:
        if hold.ended:
            raise Refused(hold.ended)
        if until > hold.made + LONGEST:
            raise Refused("too long")
        hold.until = max(hold.until, until)

    def release(self, hold: Hold) -> None:
        if hold.ended:
            raise Refused(hold.ended)
        self._end(hold, "release")
        self._came_in([pin.pot for pin in hold.pins], self.now)

    def settle(self, hold: Hold, amount: int) -> Charge:
        """Pinned pots pay first; what they do not have comes from the others, or becomes debt."""
        if hold.ended:
            raise Refused(hold.ended)
        self._end(hold, "settle")
        parts, more = [], amount
        for pin in hold.pins:
            if part := min(pin.amount, more):
                assert pin.pot is not None
                pin.pot.left -= part
                parts.append(Part(pin.pot, part))
                more -= part
        self._came_in([pin.pot for pin in hold.pins], self.now)
        return Charge(parts + self.spend(more).parts)

    def _end(self, hold: Hold, how: str) -> None:
        hold.ended = how
        for pin in hold.pins:
            assert pin.pot is not None
            pin.pot.pinned -= pin.amount

    # Reversals

    def reverse(self, charge: Charge, start: int = 0, amount: int | None = None) -> tuple[int, int]:
        """Undo [start, start + amount) of a charge, the last part first: (returned to pots, debt that is no more)."""
        end = charge.amount if amount is None else start + amount
        undone = charge_range(charge, start, end)
        if not 0 <= start < end <= charge.amount or any(part.returned + n > part.amount for part, n in undone):
            raise Refused("nothing")
        returned = cancelled = 0
        pots: list[Pot | None] = []
        for part, n in reversed(undone):
            part.returned += n
            if part.pot is None:
                pots += self._undo_debt(n)
                cancelled += n
            else:
                part.pot.left += n
                pots.append(part.pot)
                returned += n
        if charge.of is not None:
            charge.of.taken_back -= returned + cancelled
        self._came_in(pots, self.now)
        return returned, cancelled

    def _undo_debt(self, amount: int) -> list[Pot | None]:
        """Debt that should not have been: it is forgiven, or who paid it, the last one first, gets it back."""
        forgiven = min(self.debt, amount)
        self.debt -= forgiven
        amount -= forgiven
        pots = []
        for paid in reversed(self.repaid):
            if part := min(paid.amount, amount):
                assert paid.pot is not None
                paid.amount -= part
                paid.pot.left += part
                pots.append(paid.pot)
                amount -= part
        assert not amount
        return pots


def charge_range(charge: Charge, start: int, end: int) -> list[tuple[Part, int]]:
    """The parts of a charge with how much of each lies in [start, end)."""
    found, at = [], 0
    for part in charge.parts:
        if (n := min(end, at + part.amount) - max(start, at)) > 0:
            found.append((part, n))
        at += part.amount
    return found
