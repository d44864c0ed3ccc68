"""The day or month of a workspace in which something counts. Pure.

Like on the usage pages, an hour (UTC) belongs to the local day in which it begins, so a budget and the pages agree.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing.metering.selectors.days import local_day, month_of, next_month, starts


class Span(NamedTuple):
    """From `starts_at`, until `ends_at`."""

    starts_at: datetime
    ends_at: datetime


def span(at: datetime, period: str, zone: ZoneInfo) -> Span:
    """The "day" or "month" of `zone` to which the hour of `at` belongs."""
    day = local_day(at, zone)
    if period == "day":
        return Span(starts(day, zone), starts(day + timedelta(days=1), zone))
    month = month_of(day)
    return Span(starts(month, zone), starts(next_month(month), zone))
