"""Days and months of a workspace over hourly UTC totals. Pure.

An hour belongs to the local day in which it begins. Where midnight is not on a whole UTC hour (India, Nepal), a day
therefore starts with the first whole hour after it.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def zone(name: str) -> ZoneInfo:
    """The time zone called `name`, or UTC when this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def starts(day: date, tz: ZoneInfo) -> datetime:
    """The first whole UTC hour of the local `day`."""
    midnight = datetime.combine(day, time(), tz).astimezone(UTC)
    hour = midnight.replace(minute=0, second=0, microsecond=0)
    return hour if hour == midnight else hour + timedelta(hours=1)


def local_day(at: datetime, tz: ZoneInfo) -> date:
    """The local day to which the hour of `at` belongs."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0).astimezone(tz).date()


def month_of(day: date) -> date:
    return day.replace(day=1)


def next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def days(first: date, last: date) -> list[date]:
    """From `first` to `last`, both included."""
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]


def months(first: date, last: date) -> list[date]:
    """The first days of the months from that of `first` to that of `last`."""
    found = [month_of(first)]
    while next_month(found[-1]) <= last:
        found.append(next_month(found[-1]))
    return found
