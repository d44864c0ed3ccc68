"""What an add-on costs for a part of a period. No Django here. Amounts are nano-credits."""

from datetime import UTC, datetime, timedelta

from billing.plans import calendar

MICROSECOND = timedelta(microseconds=1)


def period_around(anchor: datetime, at: datetime, *, calendar_months: bool) -> tuple[datetime, datetime]:
    """The period that `at` is in: counted from the anchor, or the calendar month (UTC)."""
    if calendar_months:
        anchor = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    period = calendar.period_at(anchor, at)
    return calendar.period_start(anchor, period), calendar.period_end(anchor, period)


def pro_rata(monthly: int, *, starts: datetime, ends: datetime, since: datetime) -> int:
    """The part of `monthly` from `since` to the period's end, to the microsecond, rounded up to a whole nano-credit.

    All of it from the beginning on, nothing at the end.
    """
    whole, part = (ends - starts) // MICROSECOND, (ends - max(since, starts)) // MICROSECOND
    return -(-monthly * max(part, 0) // whole)
