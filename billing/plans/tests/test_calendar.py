"""Periods are counted from the anchor, whatever the months' lengths."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.plans.calendar import credits_until, period_at, period_end, period_start, plus_months

anchors = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
periods = st.integers(min_value=0, max_value=600)


@pytest.mark.parametrize(
    ("anchor", "months", "expected"),
    [
        ((2026, 1, 31), 1, (2026, 2, 28)),
        ((2026, 1, 31), 2, (2026, 3, 31)),
        ((2026, 1, 31), 3, (2026, 4, 30)),
        ((2028, 1, 31), 1, (2028, 2, 29)),
        ((2028, 2, 29), 12, (2029, 2, 28)),
        ((2028, 2, 29), 48, (2032, 2, 29)),
        ((2026, 12, 15), 1, (2027, 1, 15)),
        ((2026, 11, 30), 3, (2027, 2, 28)),
        ((2026, 5, 7), 0, (2026, 5, 7)),
    ],
)
def test_same_day_or_the_months_last(anchor: tuple[int, int, int], months: int, expected: tuple[int, int, int]) -> None:
    assert plus_months(datetime(*anchor, 9, 30, tzinfo=UTC), months) == datetime(*expected, 9, 30, tzinfo=UTC)


def test_counted_in_utc() -> None:
    late = datetime(2026, 1, 31, 23, 30, tzinfo=timezone(timedelta(hours=-5)))  # 1 February, 04:30 UTC
    assert plus_months(late, 1) == datetime(2026, 3, 1, 4, 30, tzinfo=UTC)


def test_rollover_adds_whole_periods() -> None:
    anchor = datetime(2026, 1, 31, tzinfo=UTC)
    assert credits_until(anchor, 0, rollover_months=0) == period_end(anchor, 0) == datetime(2026, 2, 28, tzinfo=UTC)
    assert credits_until(anchor, 0, rollover_months=2) == datetime(2026, 4, 30, tzinfo=UTC)


@given(anchors, periods)
def test_periods_follow_each_other_without_gap_or_overlap(anchor: datetime, period: int) -> None:
    assert period_end(anchor, period) == period_start(anchor, period + 1)
    assert period_start(anchor, period) < period_end(anchor, period)
    assert timedelta(days=28) <= period_end(anchor, period) - period_start(anchor, period) <= timedelta(days=31)


@given(anchors, periods)
def test_day_and_time_are_the_anchors_or_the_last_of_the_month(anchor: datetime, period: int) -> None:
    start = period_start(anchor, period)
    assert start.timetz() == anchor.timetz()
    assert start.day == anchor.day or (start.day < anchor.day and (start + timedelta(days=1)).day == 1)


@given(anchors, periods, st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=27)))
def test_every_instant_is_in_the_period_that_contains_it(anchor: datetime, period: int, inside: timedelta) -> None:
    start = period_start(anchor, period)
    assert period_at(anchor, start) == period
    assert period_at(anchor, start + inside) == period
    assert period_at(anchor, start - timedelta(microseconds=1)) == period - 1


@given(anchors, periods, st.integers(min_value=0, max_value=24))
def test_credits_never_end_before_their_period(anchor: datetime, period: int, rollover: int) -> None:
    until = credits_until(anchor, period, rollover_months=rollover)
    assert until >= period_end(anchor, period)
    assert until == period_end(anchor, period + rollover)
