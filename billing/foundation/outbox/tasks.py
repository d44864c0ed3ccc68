"""Delivery by Celery: a hint after a commit, and the due job that finds the rest."""

from datetime import datetime, timedelta

from celery import shared_task

from billing.foundation.due.registry import due_job
from billing.foundation.outbox.delivery import deliver, deliver_due


@shared_task(name="billing.foundation.deliver")
def deliver_task(message_id: int) -> None:
    deliver(message_id)


@due_job("outbox", every=timedelta(seconds=30))
def outbox_due(*, now: datetime, limit: int) -> int:
    """Send queued messages whose time has come."""
    return deliver_due(now=now, limit=limit)
