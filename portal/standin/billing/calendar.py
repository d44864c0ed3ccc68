"""Billing periods, counted from an anchor so that the 31st comes back after a short month."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

from portal.standin.errors import Json

MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}


def period_end(anchor: int, recurring: Json, start: int) -> int:
    """The first boundary after `start`; all boundaries are whole intervals from `anchor`. Seconds since 1970."""
    count = 1
    while (end := _boundary(anchor, recurring, count)) <= start:
        count += 1
    return end


def _boundary(anchor: int, recurring: Json, count: int) -> int:
    at = datetime.fromtimestamp(anchor, UTC)
    steps = count * recurring["interval_count"]
    if days := DAYS.get(recurring["interval"]):
        return int((at + timedelta(days=days * steps)).timestamp())
    return int(_add_months(at, MONTHS[recurring["interval"]] * steps).timestamp())


def _add_months(at: datetime, months: int) -> datetime:
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))


def months_later(moment: int, months: int) -> int:
    return int(_add_months(datetime.fromtimestamp(moment, UTC), months).timestamp())
