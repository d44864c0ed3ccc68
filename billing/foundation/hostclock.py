"""This machine's clock, held against the database's.

All machines share one database. A machine whose clock runs days ahead would stamp a wallet with a time that no other
machine reaches for days: lots would expire early and later usage would look late. So what is stamped is never further
than a minute from the database's clock. A time that was set (`clock.at`) is history and stays as it is.
"""

import logging
import time
from datetime import datetime, timedelta

from django.db import connection

from billing.credits import clock

log = logging.getLogger(__name__)

TOLERANCE = timedelta(seconds=60)
TELL_EVERY = 60  # seconds

_told_at = -float(TELL_EVERY)


def checked(database: datetime) -> datetime:
    """The present instant: this machine's, or `database` (its clock, read just now) when they are too far apart."""
    now = clock.now()
    if -TOLERANCE <= now - database <= TOLERANCE or clock.travelled():
        return now
    _tell(now - database)
    return database


def present() -> datetime:
    """The present instant, checked; one small query unless the time is set."""
    if clock.travelled():
        return clock.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return checked(cursor.fetchone()[0])


def database() -> datetime:
    """The database's clock, the same for all machines, for what is compared between them; the set time if it is set."""
    if clock.travelled():
        return clock.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def _tell(ahead: timedelta) -> None:
    global _told_at  # once a minute per process, whoever notices
    if time.monotonic() - _told_at < TELL_EVERY:
        return
    _told_at = time.monotonic()
    log.critical(
        "the clock of this machine is %.0f seconds %s the database's; the database's is used. Set the clock (NTP).",
        abs(ahead.total_seconds()),
        "ahead of" if ahead > timedelta(0) else "behind",
    )
