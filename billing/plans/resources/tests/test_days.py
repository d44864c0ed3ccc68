"""Which quantity a day is billed at."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.plans.resources.days import largest, last_day

DAY = date(2027, 3, 2)
MIDNIGHT = datetime(2027, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        ([(-30, 2)], 2),
        ([(-30, 2), (5, 7), (6, 1)], 7),
        ([(-30, 9), (-1, 2), (5, 3)], 3),  # what it had the day before does not count
        ([(-30, 9), (0, 2)], 2),  # not what ended as the day began
        ([(-30, 5), (3, 1)], 5),  # what it had when the day began does
        ([(23, 4)], 4),
        ([(3, 1), (24, 8)], 1),  # nor what came as it ended
    ],
)
def test_the_largest_of_the_day_counts(changes: list[tuple[int, int]], most: int) -> None:
    assert largest([(MIDNIGHT + hours * HOUR, Decimal(of)) for hours, of in changes], DAY) == most


def test_a_day_before_it_was_made_is_none_of_its_days() -> None:
    with pytest.raises(ValueError, match="did not exist"):
        largest([(MIDNIGHT + 24 * HOUR, Decimal(1))], DAY)


@pytest.mark.parametrize(
    ("made", "gone", "last"),
    [(5, 6, DAY), (5, 24, DAY), (5, 25, date(2027, 3, 3)), (5, 5, DAY), (0, 0, DAY)],
)
def test_the_last_day_is_the_last_that_it_existed_on(made: int, gone: int, last: date) -> None:
    assert last_day(MIDNIGHT + made * HOUR, MIDNIGHT + gone * HOUR) == last
