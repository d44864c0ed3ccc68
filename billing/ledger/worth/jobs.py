"""Keeping the day sums up with the history. When this is late, whoever reads adds up more transfers."""

from datetime import datetime, timedelta

from billing.foundation.due.registry import due_job
from billing.ledger.worth.sums import days_sum


@due_job("sum_days", every=timedelta(minutes=5))
def sum_days(*, now: datetime, limit: int) -> int:
    """Add every workspace's new transfers to the sums of their days."""
    return days_sum(limit=limit)
