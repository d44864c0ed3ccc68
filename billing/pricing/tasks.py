"""Work by the clock."""

from datetime import datetime, timedelta

from billing.foundation.due.registry import due_job
from billing.pricing.services import refresh_due


@due_job("prices_refresh", every=timedelta(hours=1))
def prices_refresh(*, now: datetime, limit: int) -> int:
    """Read the sources that are due again: every day, or as often as the operator wants each of them to be.

    An upgraded package or snapshot brings its prices in without a command. Fails when a source does.
    """
    return sum(report.applied for report in refresh_due(now))
