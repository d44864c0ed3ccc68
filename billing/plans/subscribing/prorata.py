"""Credits of a part of a period. No Django here. Amounts are nano-credits."""

from datetime import datetime, timedelta


def credits_difference(before: int, after: int, *, at: datetime, starts_at: datetime, ends_at: datetime) -> int:
    """What a change from `before` to `after` credits a period, made at `at`, brings of the period that it falls into:
    the difference for the time left, rounded down; 0 when it brings fewer. Raises ValueError when `at` is outside.
    """
    left = time_left(at=at, starts_at=starts_at, ends_at=ends_at)
    return max(after - before, 0) * _micro(left) // _micro(ends_at - starts_at)


def time_left(*, at: datetime, starts_at: datetime, ends_at: datetime) -> timedelta:
    """Of the period, from `at` on. Raises ValueError when `at` is outside."""
    if not starts_at <= at <= ends_at or starts_at == ends_at:
        raise ValueError(f"{at} is not between {starts_at} and {ends_at}")
    return ends_at - at


def _micro(time: timedelta) -> int:
    """Whole microseconds: timedelta.total_seconds() is a float."""
    return time // timedelta(microseconds=1)
