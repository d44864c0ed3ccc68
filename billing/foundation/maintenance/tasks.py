"""Maintenance by the clock."""

from datetime import datetime, timedelta
from importlib import import_module

from django.conf import settings

from billing.foundation.due.registry import due_job
from billing.foundation.mail.forgetting import news_forget
from billing.foundation.maintenance.run import maintenance_is_due, maintenance_run
from billing.foundation.outbox.forgetting import texts_forget

AT_MOST = 1_500  # seconds; the worker ends a task after half an hour


class MaintenanceFailed(Exception):
    """Steps failed; the run's row says which, and why."""


@due_job("maintenance", every=timedelta(minutes=30))
def maintenance(*, now: datetime, limit: int) -> int:
    """Once a month, in the quiet hour of the site settings."""
    if not maintenance_is_due(now):
        return 0
    run = maintenance_run(seconds=AT_MOST)
    if run is not None and run.failed:
        raise MaintenanceFailed(f"{run.failed} of {len(run.steps)} steps failed; see Maintenance in the admin")
    return 0


@due_job("outbox_texts", every=timedelta(hours=24))
def forget_texts(*, now: datetime, limit: int) -> int:
    """Empty the texts of messages that were sent long ago."""
    return texts_forget(now=now, limit=limit)


@due_job("news_told", every=timedelta(hours=24))
def forget_news(*, now: datetime, limit: int) -> int:
    """Delete the keys of optional news that was told more than 400 days ago."""
    return news_forget(now=now, limit=limit)


@due_job("expired_sessions", every=timedelta(hours=24))
def forget_sessions(*, now: datetime, limit: int) -> int:
    """Delete sessions that have expired."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    return 0
