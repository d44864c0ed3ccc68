"""When a plan's periods start and end, and until when a period's credits are good. No Django here."""

from calendar import monthrange
from datetime import UTC, datetime


def plus_months(anchor: datetime, months: int) -> datetime:
    """The same day and time `months` later, or the month's last day where it is shorter; UTC.

    Always counted from the anchor, never from the period before: 31 Jan, 28 Feb, 31 Mar.
    """
    anchor = anchor.astimezone(UTC)
    years, month = divmod(anchor.month - 1 + months, 12)
    year = anchor.year + years
    day = min(anchor.day, monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)


def period_start(anchor: datetime, period: int) -> datetime:
    return plus_months(anchor, period)


def period_end(anchor: datetime, period: int) -> datetime:
    return plus_months(anchor, period + 1)


def credits_until(anchor: datetime, period: int, *, rollover_months: int) -> datetime:
    """When the credits of a period expire: with the period itself (rollover 0), or so many periods later."""
    return plus_months(anchor, period + 1 + rollover_months)


def period_at(anchor: datetime, instant: datetime) -> int:
    """The period that `instant` is in; below 0 before the anchor."""
    anchor, instant = anchor.astimezone(UTC), instant.astimezone(UTC)
    months = (instant.year - anchor.year) * 12 + instant.month - anchor.month
    return months if plus_months(anchor, months) <= instant else months - 1
