from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.overview.charts import nice_ticks, stacked

DAY = date(2026, 3, 14)


def days(count: int) -> list[date]:
    return [DAY - timedelta(days=count - 1 - n) for n in range(count)]


def numbers(*values: int) -> list[Decimal]:
    return [Decimal(value) for value in values]


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        ("39.17", ["40", "30", "20", "10", "0"]),
        ("40", ["40", "30", "20", "10", "0"]),
        ("0.0007", ["0.0008", "0.0006", "0.0004", "0.0002", "0"]),
        ("9", ["10.0", "7.5", "5.0", "2.5", "0"]),
        ("0", ["4", "3", "2", "1", "0"]),
    ],
)
def test_axis_has_round_steps_and_reaches_the_highest_column(highest: str, expected: list[str]) -> None:
    assert nice_ticks(Decimal(highest)) == tuple(Decimal(tick) for tick in expected)


@given(st.decimals(min_value="0.000000001", max_value="1000000000000", allow_nan=False, places=9))
def test_axis_always_covers_the_highest_without_wasting_half(highest: Decimal) -> None:
    ticks = nice_ticks(highest)
    assert ticks[-1] == 0
    assert ticks[0] >= highest > ticks[0] / 2
    assert 3 <= len(ticks) <= 5 + 1


def test_segments_of_a_column_fill_it_from_the_bottom() -> None:
    chart = stacked(days=days(1), series=[("big", numbers(3)), ("small", numbers(1))], today=DAY)
    column = chart.columns[0]
    assert [(s.name, s.y, s.height) for s in column.segments] == [
        ("big", "25.00%", "75.00%"),
        ("small", "0.00%", "25.00%"),
    ]
    assert column.height == "100.00%"
    assert column.partial


def test_a_day_without_usage_has_no_segments() -> None:
    chart = stacked(days=days(2), series=[("a", numbers(0, 4))], today=DAY)
    assert chart.columns[0].segments == ()
    assert chart.columns[0].height == "0.00%"


def test_legend_carries_totals_and_shares() -> None:
    chart = stacked(days=days(2), series=[("a", numbers(1, 2)), ("b", numbers(0, 1))], today=None)
    assert [(row.name, row.total, row.share) for row in chart.legend] == [("a", 3, 75), ("b", 1, 25)]
    assert chart.total == 4


@pytest.mark.parametrize(("count", "ticks"), [(7, 7), (30, 5), (90, 7)])
def test_dates_are_spread_and_the_last_day_always_has_one(count: int, ticks: int) -> None:
    chart = stacked(days=days(count), series=[("a", [Decimal(1)] * count)], today=DAY)
    assert sum(column.tick for column in chart.columns) == ticks
    assert chart.columns[-1].tick


def test_tooltips_open_leftwards_from_the_middle_on() -> None:
    chart = stacked(days=days(10), series=[("a", [Decimal(1)] * 10)], today=DAY)
    assert [column.right for column in chart.columns] == [False] * 5 + [True] * 5


def test_without_any_usage_there_is_a_chart_without_columns_in_it() -> None:
    chart = stacked(days=days(3), series=[], today=DAY)
    assert chart.total == 0
    assert [column.segments for column in chart.columns] == [(), (), ()]


def test_the_table_says_the_same_newest_day_first() -> None:
    chart = stacked(days=days(2), series=[("a", numbers(1, 2)), ("b", numbers(0, 5))], today=DAY)
    assert chart.table == (
        (DAY, (Decimal(2), Decimal(5)), Decimal(7)),
        (days(2)[0], (Decimal(1), Decimal(0)), Decimal(1)),
    )
