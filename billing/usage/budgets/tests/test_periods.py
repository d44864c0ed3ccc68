from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from billing.metering.selectors.days import local_day
from billing.usage.budgets.periods import span

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe"]
)
INSTANTS = st.integers(0, 10 * 365 * 24 * 60).map(
    lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def test_a_day_is_that_of_the_time_zone() -> None:
    found = span(datetime(2026, 3, 10, 23, 30, tzinfo=UTC), "day", BERLIN)
    assert found == (datetime(2026, 3, 10, 23, tzinfo=UTC), datetime(2026, 3, 11, 23, tzinfo=UTC))


def test_the_day_on_which_clocks_go_forward_has_23_hours() -> None:
    found = span(datetime(2026, 3, 29, 12, tzinfo=UTC), "day", BERLIN)
    assert found.ends_at - found.starts_at == timedelta(hours=23)


def test_a_month_begins_at_local_midnight_of_the_first() -> None:
    found = span(datetime(2026, 3, 31, 22, 30, tzinfo=UTC), "month", BERLIN)  # 0:30 on 1 April
    assert found == (datetime(2026, 3, 31, 22, tzinfo=UTC), datetime(2026, 4, 30, 22, tzinfo=UTC))


@given(INSTANTS, st.sampled_from(["day", "month"]), ZONES)
def test_every_instant_is_in_one_period_which_the_next_one_follows(at: datetime, period: str, zone: str) -> None:
    tz = ZoneInfo(zone)
    found = span(at, period, tz)
    hour = at.replace(minute=0, second=0, microsecond=0)
    assert found.starts_at <= hour < found.ends_at
    assert span(found.ends_at, period, tz).starts_at == found.ends_at
    assert span(found.starts_at, period, tz) == found
    assert local_day(found.starts_at, tz) <= local_day(at, tz)
