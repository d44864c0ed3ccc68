"""Credits of a part of a period: properties."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.plans.subscribing.prorata import credits_difference

NANO = st.integers(0, 10**18)
STARTS = datetime(2026, 1, 31, 10, tzinfo=UTC)
LENGTH = timedelta(days=28)
INSTANT = st.integers(0, LENGTH // timedelta(microseconds=1)).map(lambda part: STARTS + timedelta(microseconds=part))


def difference(before: int, after: int, at: datetime) -> int:
    return credits_difference(before, after, at=at, starts_at=STARTS, ends_at=STARTS + LENGTH)


@given(NANO, NANO, INSTANT)
def test_between_nothing_and_all(before: int, after: int, at: datetime) -> None:
    assert 0 <= difference(before, after, at) <= max(after - before, 0)


@given(NANO, NANO)
def test_all_at_the_start_and_nothing_at_the_end(before: int, after: int) -> None:
    assert difference(before, after, STARTS) == max(after - before, 0)
    assert difference(before, after, STARTS + LENGTH) == 0


@given(NANO, NANO, INSTANT, INSTANT)
def test_never_more_for_being_later(before: int, after: int, one: datetime, other: datetime) -> None:
    early, late = sorted([one, other])
    assert difference(before, after, early) >= difference(before, after, late)


@given(NANO, NANO, NANO, INSTANT)
def test_two_steps_bring_no_more_than_one(low: int, middle: int, high: int, at: datetime) -> None:
    low, middle, high = sorted([low, middle, high])
    whole = difference(low, high, at)
    assert 0 <= whole - difference(low, middle, at) - difference(middle, high, at) <= 1


def test_half_a_period_is_half_of_it() -> None:
    assert difference(1_000, 3_001, STARTS + LENGTH / 2) == 1_000  # rounded down


def test_outside_of_the_period() -> None:
    with pytest.raises(ValueError, match="not between"):
        difference(0, 1, STARTS - timedelta(microseconds=1))
