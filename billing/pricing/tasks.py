"""Work by the clock."""

from datetime import datetime, timedelta

from billing.foundation.due.registry import due_job
from billing.pricing.services import prices_import


@due_job("prices_refresh", every=timedelta(days=1))
def prices_refresh(*, now: datetime, limit: int) -> int:
    """Read every source again: an upgraded package or snapshot brings its prices in without a command."""
    return sum(report.applied for report in prices_import(now=now))
