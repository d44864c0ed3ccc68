"""When a delivery is tried again, and when an endpoint has failed for too long. Pure."""

from datetime import datetime, timedelta

# Waits before the second, third, … attempt: the schedule that Standard Webhooks proposes, 75 h 35 min in all.
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
# After nothing but failures for so long an endpoint is switched off.
OFF_AFTER = timedelta(days=5)
# An endpoint that fails is left alone for a while, however much waits for it: doubled with each failure in a row.
QUIET, MOST_QUIET = timedelta(seconds=2), timedelta(minutes=1)


def next_try(tries: int, now: datetime) -> datetime | None:
    """When to try again after so many attempts; None after the last one."""
    return now + WAITS[tries - 1] if tries <= len(WAITS) else None


def quiet(failures: int) -> timedelta:
    """How long nothing is attempted after so many failures in a row."""
    doubled: int = 2 ** min(failures - 1, 10)
    return min(QUIET * doubled, MOST_QUIET)


def failed_for_too_long(failing_since: datetime, now: datetime) -> bool:
    return now - failing_since >= OFF_AFTER
