"""Which days (UTC) of a resource are billed, and how much of it each. Pure.

Every day that it existed at any moment of is billed, at the largest quantity that it had on that day.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

DAY = timedelta(days=1)
Quantities = Sequence[tuple[datetime, Decimal]]  # from when on, in order; the first is when it was made


def day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()


def starts(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def last_day(created_at: datetime, deleted_at: datetime) -> date:
    """The last day that it existed on: not the one that began at the instant of its end."""
    return max(day_of(created_at), day_of(deleted_at - timedelta.resolution))


def largest(quantities: Quantities, day: date) -> Decimal:
    """The largest quantity that it had at any moment of `day`. Raises ValueError when it was made later."""
    begins, ends = starts(day), starts(day + DAY)
    found: Decimal | None = None
    for at, quantity in quantities:
        if at >= ends:
            break
        # What it had when the day began gives way to nothing earlier; later ones of the day can only add to it.
        found = quantity if found is None or at <= begins else max(found, quantity)
    if found is None:
        raise ValueError(f"it did not exist on {day}")
    return found
