"""The Celery application. Messages are hints: every task finds its due work in the database."""

import os
from typing import Any

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("purser")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["billing.foundation.due"])


@app.on_after_finalize.connect
def add_beat_schedule(sender: Celery, **kwargs: Any) -> None:
    """One entry per job of the due-work registry."""
    from billing.foundation.due.tasks import beat_schedule

    sender.conf.beat_schedule = beat_schedule()
