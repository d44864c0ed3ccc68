"""Work by the clock: webhooks of long ago are forgotten."""

from datetime import datetime, timedelta

from billing.foundation.due.registry import due_job
from billing.gateway.forgetting import webhooks_forget


@due_job("stripe_webhooks", every=timedelta(hours=24))
def forget_webhooks(*, now: datetime, limit: int) -> int:
    """Delete what Stripe, and others in its name, sent long ago."""
    return webhooks_forget(now=now, limit=limit)
