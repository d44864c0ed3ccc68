"""Due work: keeping the rate-limit table small."""

from datetime import datetime, timedelta

from django.db import connection

from billing.foundation.due.registry import due_job

KEEP_MINUTES = 5


@due_job("api.rate_windows", every=timedelta(minutes=10))
def forget_rate_windows(*, now: datetime, limit: int) -> int:
    """Delete counters of minutes that are over."""
    oldest = int(now.timestamp() // 60) - KEEP_MINUTES
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM api_rate_window WHERE (key, minute) IN (SELECT key, minute FROM api_rate_window"
            " WHERE minute < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            [oldest, limit],
        )
        return int(cursor.rowcount)
