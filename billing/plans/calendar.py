"""When a plan's periods start and end, and until when a period's credits are good. No Django here."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

RESOLUTION = timedelta(microseconds=1)


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


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the periods of a subscription start and end: months from the anchor on, or calendar months (UTC), the first
    of which begins at the anchor.
    """

    anchor: datetime
    calendar_months: bool = False

    def start(self, period: int) -> datetime:
        if self.calendar_months and period > 0:
            return plus_months(self.month, period)
        return plus_months(self.anchor, period)

    def end(self, period: int) -> datetime:
        return self.start(period + 1)

    def credits_until(self, period: int, *, rollover_months: int) -> datetime:
        """When the credits of a period expire: with the period itself (rollover 0), or so many periods later."""
        return self.start(period + 1 + rollover_months)

    def at(self, instant: datetime) -> int:
        """The period that `instant` is in; below 0 before the anchor."""
        if instant < self.anchor:
            return -1
        return period_at(self.month if self.calendar_months else self.anchor, instant)

    def share(self, period: int) -> Fraction:
        """The part of a month that a period is: 1, but for a first calendar month that begins in its middle."""
        if not self.calendar_months or period != 0:
            return Fraction(1)
        part, whole = self.end(0) - self.anchor, self.end(0) - self.month
        return Fraction(part // RESOLUTION, whole // RESOLUTION)

    @property
    def month(self) -> datetime:
        """The start of the anchor's calendar month."""
        return self.anchor.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
