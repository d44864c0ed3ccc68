"""Celery finds the package's tasks and due jobs here."""

from billing.foundation.due.tasks import run_due_task
from billing.foundation.maintenance.tasks import forget_news, forget_sessions, forget_texts, maintenance
from billing.foundation.outbox.tasks import deliver_task, outbox_due

__all__ = [
    "deliver_task",
    "forget_news",
    "forget_sessions",
    "forget_texts",
    "maintenance",
    "outbox_due",
    "run_due_task",
]
