"""By the clock: what nobody was told of, and summaries."""

from datetime import datetime, timedelta

from billing.alerts.usage.looking import balances_look
from billing.alerts.usage.telling import summaries_send
from billing.foundation.due.registry import due_job


@due_job("usage_alerts", every=timedelta(minutes=1))
def usage_alerts(*, now: datetime, limit: int) -> int:
    """Tell of balances and usage where the telling was lost, and look again where the clock changed something."""
    return balances_look(now=now, limit=limit)


@due_job("usage_summaries", every=timedelta(minutes=10))
def usage_summaries(*, now: datetime, limit: int) -> int:
    """Send the summaries of what was held back."""
    return summaries_send(now=now, limit=limit)
