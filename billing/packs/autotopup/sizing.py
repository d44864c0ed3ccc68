"""How much one automatic charge is: sized to the gap, never above a cap. Pure. Credits in nano, money in cents."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from billing.credits.units import NANO

LEAST_CENTS = 50  # the least that a card can be charged in US dollars
Period = Literal["day", "month"]


@dataclass(frozen=True)
class Terms:
    """What may be charged, and when. `target` None: `amount` as often as it takes to be above `threshold`."""

    threshold: int
    amount: int
    target: int | None
    day_cap: int
    month_cap: int

    def within(self, agreed: "Terms") -> bool:
        """Whether these charge no more, no earlier, and no oftener than those that were agreed to."""
        if self.target is not None and (agreed.target is None or self.target > agreed.target):
            return False
        # What was agreed to said up to which balance. Steps of an amount end below threshold + amount.
        if self.target is None and agreed.target is not None and self.threshold + self.amount > agreed.target:
            return False
        parts = ("threshold", "amount", "day_cap", "month_cap")
        return all(getattr(self, name) <= getattr(agreed, name) for name in parts)


@dataclass(frozen=True)
class Charged:
    """Cents that were charged, or are about to be, in the present day and month."""

    day: int = 0
    month: int = 0


@dataclass(frozen=True)
class Charge:
    credits: int
    cents: int
    steps: int  # times the amount; 0: up to the target


@dataclass(frozen=True)
class Capped:
    """A charge is due, and the cap of this period leaves no room for it."""

    period: Period


def nano_per_cent(usd_per_credit: Decimal) -> int:
    """Nano-credits for a cent at face value: a whole number, as that of a millionth of a dollar is."""
    return int(Decimal(NANO) / 100 / usd_per_credit)


def cents_for(credits: int, usd_per_credit: Decimal) -> int:
    """What so many credits cost, rounded up to a cent."""
    return -(-credits // nano_per_cent(usd_per_credit))


def size(*, balance: int, terms: Terms, charged: Charged, usd_per_credit: Decimal) -> Charge | Capped | None:
    """The charge that is due at this balance (what is owed counts against it): None at or above the threshold; smaller
    where a cap leaves less room than the gap needs.
    """
    if balance >= terms.threshold:
        return None
    room = max(min(terms.day_cap - charged.day, terms.month_cap - charged.month), 0)
    found = _to_target(balance, terms, room, usd_per_credit) or _steps(balance, terms, room, usd_per_credit)
    if found is not None and LEAST_CENTS <= found.cents <= room:
        return found
    return Capped("month" if terms.month_cap - charged.month <= terms.day_cap - charged.day else "day")


def _to_target(balance: int, terms: Terms, room: int, usd_per_credit: Decimal) -> Charge | None:
    if terms.target is None:
        return None
    cents = min(max(cents_for(terms.target - balance, usd_per_credit), LEAST_CENTS), room)
    return Charge(cents * nano_per_cent(usd_per_credit), cents, 0)


def _steps(balance: int, terms: Terms, room: int, usd_per_credit: Decimal) -> Charge | None:
    wanted = (terms.threshold - balance) // terms.amount + 1
    steps = min(wanted, room * nano_per_cent(usd_per_credit) // terms.amount)
    if not steps:
        return None
    return Charge(steps * terms.amount, cents_for(steps * terms.amount, usd_per_credit), steps)
