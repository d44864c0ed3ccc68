"""How long a balance lasts: bounds in order, more credits never for less, and weekdays that are unlike."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from billing.metering.runway import WEEK, WEEKS, lasts, pattern

spent = st.lists(st.integers(0, 10**15), min_size=WEEK * WEEKS, max_size=WEEK * WEEKS)
observed = st.fractions(1, WEEK * WEEKS, max_denominator=24)
balances = st.integers(0, 10**18)


@given(spent, observed, balances, balances)
def test_bounds_are_in_order_and_more_credits_last_longer(
    past: list[int], days: Fraction, one: int, other: int
) -> None:
    found = pattern(past, days)
    if not any(past[:WEEK]):
        assert found is None
        return
    assert found is not None
    assert found.faster >= 1 >= found.slower > 0
    first, second = (lasts(balance, found) for balance in sorted((one, other)))
    for each in (first, second):
        assert 0 <= each.low <= each.days <= each.high
    assert first.low <= second.low
    assert first.days <= second.days
    assert first.high <= second.high


@given(spent, observed)
def test_what_the_coming_week_takes_lasts_a_week_at_most(past: list[int], days: Fraction) -> None:
    if found := pattern(past, days):
        assert lasts(int(sum(found.coming)), found).days <= WEEK
        assert lasts(0, found).days == 0


@given(st.integers(1, 10**15), observed, balances)
def test_a_pace_that_never_changes_is_a_division(daily: int, days: Fraction, balance: int) -> None:
    past = [daily if day < days else 0 for day in range(WEEK * WEEKS)]
    if days < WEEK:
        past = [int(daily * days)] + [0] * (WEEK * WEEKS - 1)
    if not any(past):
        return
    found = pattern(past, days)
    assert found is not None
    if days >= WEEK:
        assert abs(lasts(balance, found).days - Decimal(balance) / daily) <= Decimal("0.1")


def weekdays(weeks: int, *, working: int = 100) -> list[int]:
    """Nothing on the last two of each seven days: now is the end of a Sunday."""
    return ([0, 0] + [working] * 5) * weeks + [0] * (WEEK * (WEEKS - weeks))


def test_a_weekend_without_usage_is_waited_through() -> None:
    """On Friday evening a day's credits last until Monday's end."""
    past = weekdays(4)
    sunday = pattern(past, Fraction(28))
    friday = pattern(past[2:] + past[:2], Fraction(28))
    assert sunday is not None
    assert friday is not None
    assert lasts(100, sunday).days == 1
    assert lasts(100, friday).days == 3
    assert lasts(500, sunday).days == 5  # and not seven: it is used up on Friday
    assert lasts(501, sunday).days == Decimal("7.0")


def test_weeks_that_differ_give_a_range_and_the_last_counts_most() -> None:
    past = [200] * 7 + [100] * 7 + [100] * 7 + [100] * 7
    found = pattern(past, Fraction(28))
    assert found is not None
    assert found.per_day == 140
    told = lasts(1_400, found)
    assert (told.low, told.days, told.high) == (Decimal(7), Decimal(10), Decimal(14))


def test_nothing_used_for_a_week_is_no_pattern() -> None:
    assert pattern([0] * 7 + [50] * 21, Fraction(28)) is None
    assert pattern([0] * 28, Fraction(1)) is None
