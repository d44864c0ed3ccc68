"""Keeping the sums up with the history. When this is late, whoever reads adds up more transfers, and finds the same."""

from datetime import datetime, timedelta

from billing.foundation.due.registry import due_job
from billing.ledger.trial.sums import sums_write


@due_job("sum_ledger", every=timedelta(minutes=5))
def sum_ledger(*, now: datetime, limit: int) -> int:
    """Sum the complete spans of every workspace's transfers."""
    return sums_write(limit=limit)
