"""How long a balance lasts, by the pattern of the last weeks. Pure; amounts are nano-credits.

Time is cut into days of 24 hours counted back from now, so that each of the coming days has the same weekday, and the
same hours of it, as one in each of the last weeks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import isqrt

WEEK, WEEKS = 7, 4
WEIGHTS = (4, 3, 2, 1)  # of the last week, the one before, …: what was lately says more
LEAST_SPREAD = Fraction(15, 100)  # either way, where there are no two weeks to compare
MOST_SPREAD = 4  # times as fast, or a fourth: more would say nothing


@dataclass(frozen=True, slots=True)
class Pattern:
    """Nano-credits of the coming seven days, from now on; how much faster and slower it may go."""

    coming: tuple[Fraction, ...]
    faster: Fraction
    slower: Fraction

    @property
    def per_day(self) -> int:
        return int(sum(self.coming) / WEEK)


@dataclass(frozen=True, slots=True)
class Runway:
    """Days until the balance is used up: as usual, at the fastest and at the slowest pace of late; to one decimal."""

    days: Decimal
    low: Decimal
    high: Decimal
    per_day: int


def pattern(past: Sequence[int], observed: Fraction) -> Pattern | None:
    """From what was spent in each of the last days, the latest first, and for how many days there was something to
    observe (at least one). None: nothing was spent in the last seven.
    """
    if not any(past[:WEEK]):
        return None
    if observed < WEEK:
        days = max(observed, Fraction(1))
        flat = Fraction(sum(past)) / days
        return Pattern((flat,) * WEEK, *_by_days(past[: -(-days.numerator // days.denominator)]))
    weeks = [past[WEEK * week : WEEK * (week + 1)] for week in range(min(int(observed) // WEEK, WEEKS))]
    weights = WEIGHTS[: len(weeks)]
    slots = [
        Fraction(sum(weight * week[day] for weight, week in zip(weights, weeks, strict=True)), sum(weights))
        for day in range(WEEK)
    ]
    total = sum(slots)
    if not total:
        return None
    if len(weeks) == 1:
        return Pattern(tuple(reversed(slots)), *_by_days(weeks[0]))
    sums = [sum(week) for week in weeks]
    return Pattern(tuple(reversed(slots)), *_bounded(Fraction(max(sums)) / total, Fraction(min(sums)) / total))


def lasts(balance: int, found: Pattern) -> Runway:
    """Monotone in the balance; `low` ≤ `days` ≤ `high`."""
    usual, low, high = (_days(balance, found.coming, pace) for pace in (Fraction(1), found.faster, found.slower))
    return Runway(_tenths(usual), _tenths(low), _tenths(high), found.per_day)


def _days(balance: int, coming: Sequence[Fraction], pace: Fraction) -> Fraction:
    """Until so much is spent for the first time."""
    if balance <= 0:
        return Fraction(0)
    left, week = balance / pace, sum(coming)
    weeks = -(-left // week) - 1  # whole ones after which something is left
    left -= weeks * week
    for day, spent in enumerate(coming):
        if left <= spent:
            return weeks * WEEK + day + left / spent
        left -= spent
    raise AssertionError("a week spends what a week spends")


def _by_days(past: Sequence[int]) -> tuple[Fraction, Fraction]:
    """How far the mean of so few days may be off: by its standard error."""
    count, total = len(past), sum(past)
    squares = sum((count * each - total) ** 2 for each in past)
    error = Fraction(isqrt(squares), total * count) if total else Fraction(0)  # of the sum of days, beside that sum
    spread = max(error, LEAST_SPREAD)
    return _bounded(1 + spread, 1 / (1 + spread))


def _bounded(faster: Fraction, slower: Fraction) -> tuple[Fraction, Fraction]:
    one = Fraction(1)
    return min(max(faster, one), one * MOST_SPREAD), max(min(slower, one), one / MOST_SPREAD)


def _tenths(days: Fraction) -> Decimal:
    tenths = round(days * 10)
    return Decimal(tenths) / 10
