from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.overview.steps import Step, steps

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
START = NOW - timedelta(days=100)
LONG_AGO = NOW - timedelta(days=9_999)


def test_a_price_is_a_level_and_a_change_is_a_rise_with_a_dot() -> None:
    half = NOW - timedelta(days=50)
    chart = steps(series=[("Input", [(LONG_AGO, Decimal(2)), (half, Decimal(4))])], start=START, now=NOW, end=NOW)
    first, rise, second = sorted(chart.lines, key=lambda line: (float(line.x1[:-1]), float(line.x2[:-1])))
    assert (first.x1, first.x2, first.y1, first.y2) == ("0.00%", "50.00%", "50.00%", "50.00%")
    assert (rise.x1, rise.x2, rise.y1, rise.y2) == ("50.00%", "50.00%", "50.00%", "0.00%")
    assert (second.x1, second.x2, second.y1) == ("50.00%", "100.00%", "0.00%")
    assert [(dot.x, dot.y) for dot in chart.dots] == [("50.00%", "0.00%")]
    assert [value for value, _ in chart.ticks] == [4, 3, 2, 1, 0]
    assert chart.today == ""


def test_what_lies_ahead_is_marked_from_today_on() -> None:
    soon, end = NOW + timedelta(days=10), NOW + timedelta(days=100)
    chart = steps(series=[("Input", [(LONG_AGO, Decimal(1)), (soon, Decimal(2))])], start=START, now=NOW, end=end)
    assert chart.today == "50.00%"
    assert {(line.x1, line.ahead) for line in chart.lines} == {("0.00%", False), ("50.00%", True), ("55.00%", True)}


def test_a_price_that_was_not_there_draws_nothing() -> None:
    begun, ended = NOW - timedelta(days=60), NOW - timedelta(days=20)
    of: list[Step] = [(LONG_AGO, None), (begun, Decimal(1)), (ended, None)]
    chart = steps(series=[("Batch", of)], start=START, now=NOW, end=NOW)
    assert [(line.x1, line.x2) for line in chart.lines] == [("40.00%", "80.00%")]
    assert [dot.x for dot in chart.dots] == ["40.00%", "80.00%"]


@given(
    st.lists(
        st.tuples(st.integers(1, 200), st.none() | st.decimals(0, 10**6, places=6)),
        max_size=12,
        unique_by=lambda e: e[0],
    )
)
def test_everything_stays_inside(changes: list[tuple[int, Decimal | None]]) -> None:
    of: list[Step] = [(LONG_AGO, Decimal(1)), *((START + timedelta(days=day), value) for day, value in sorted(changes))]
    chart = steps(series=[("Any", of)], start=START, now=NOW, end=NOW + timedelta(days=100))
    places = [getattr(line, name) for line in chart.lines for name in ("x1", "x2", "y1", "y2")]
    assert all(0 <= float(place[:-1]) <= 100 for place in places)
    assert all(float(line.x1[:-1]) <= float(line.x2[:-1]) for line in chart.lines)
