from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from billing.metering.selectors import days


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("UTC", date(2026, 3, 10), datetime(2026, 3, 10, tzinfo=UTC), 24),
        ("America/New_York", date(2026, 3, 10), datetime(2026, 3, 10, 4, tzinfo=UTC), 24),
        ("America/New_York", date(2026, 3, 8), datetime(2026, 3, 8, 5, tzinfo=UTC), 23),  # clocks go forward
        ("America/New_York", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC), 25),  # and back
        ("Pacific/Auckland", date(2026, 3, 10), datetime(2026, 3, 9, 11, tzinfo=UTC), 24),
        ("Asia/Kolkata", date(2026, 3, 10), datetime(2026, 3, 9, 19, tzinfo=UTC), 24),  # midnight is at half past 18
        ("Asia/Kathmandu", date(2026, 3, 10), datetime(2026, 3, 9, 19, tzinfo=UTC), 24),
    ],
)
def test_a_local_day_starts_with_a_whole_utc_hour(zone: str, day: date, start: datetime, hours: int) -> None:
    tz = ZoneInfo(zone)
    assert days.starts(day, tz) == start
    assert days.starts(day + timedelta(days=1), tz) - start == timedelta(hours=hours)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_every_hour_belongs_to_exactly_the_day_whose_stretch_it_is_in(zone: str) -> None:
    tz = ZoneInfo(zone)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    while at < datetime(2026, 12, 31, tzinfo=UTC):
        day = days.local_day(at + timedelta(minutes=59), tz)
        assert days.starts(day, tz) <= at < days.starts(day + timedelta(days=1), tz)
        at += timedelta(hours=1)


def test_months_and_days_of_a_range() -> None:
    assert days.days(date(2026, 2, 27), date(2026, 3, 1)) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]
    assert days.months(date(2025, 12, 31), date(2026, 2, 1)) == [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]


def test_an_unknown_zone_is_utc() -> None:
    assert days.zone("Mars/Olympus").key == "UTC"
    assert days.zone("../etc/passwd").key == "UTC"
