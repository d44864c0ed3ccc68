"""By the clock: deliveries, those whose time is over, old ones, and what nobody was told of."""

from datetime import datetime, timedelta

from celery import shared_task

from billing.alerts.webhooks.claiming import give_up
from billing.alerts.webhooks.delivery import deliver_due
from billing.alerts.webhooks.forgetting import events_forget
from billing.alerts.webhooks.lots import expiring_tell, lots_look
from billing.foundation.due.registry import due_job


@shared_task(name="billing.alerts.deliver_webhooks")
def deliver_webhooks_task() -> None:
    deliver_due()


@due_job("webhooks", every=timedelta(seconds=10))
def webhooks(*, now: datetime, limit: int) -> int:
    """Send the webhooks whose time has come. It works until nothing is due, so it is not called again."""
    deliver_due()
    return 0


@due_job("webhook_events", every=timedelta(minutes=1))
def webhook_events(*, now: datetime, limit: int) -> int:
    """Record events of lots whose telling was lost, and end deliveries whose time is over."""
    return max(lots_look(now=now, limit=limit), give_up(now=now, limit=limit))


@due_job("webhook_expiring", every=timedelta(hours=1))
def webhook_expiring(*, now: datetime, limit: int) -> int:
    """Record that credits will expire within seven days."""
    return expiring_tell(now=now, limit=limit)


@due_job("webhook_history", every=timedelta(hours=24))
def webhook_history(*, now: datetime, limit: int) -> int:
    """Delete events, and what became of them, after 30 days."""
    return events_forget(now=now, limit=limit)
