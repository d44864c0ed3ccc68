"""The Celery application. Messages are hints: every task finds its due work in the database."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("purser")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["billing.foundation.due", "billing.foundation.outbox"])


@app.on_after_finalize.connect
def add_beat_schedule(sender: Celery, **kwargs: Any) -> None:
    """One entry per job of the due-work registry."""
    from billing.foundation.due.tasks import beat_schedule

    sender.conf.beat_schedule = beat_schedule()


@worker_ready.connect
def catch_up(**kwargs: Any) -> None:
    """After downtime a worker starts with what has waited longer than its interval; beat would only begin to count."""
    from billing.credits import clock
    from billing.foundation.due.models import DueJob
    from billing.foundation.due.registry import jobs
    from billing.foundation.due.tasks import beat_schedule
    from billing.voices.jobs.services import hint

    finished = dict(DueJob.objects.values_list("name", "last_finished_at"))
    entries = beat_schedule()
    for job in jobs():
        last = finished.get(job.name)
        if last is None or last < clock.now() - job.every:
            entry = entries[job.name]
            app.send_task(entry["task"], args=entry["args"], **entry["options"])
    hint()  # jobs on voices wait for the voice worker, which may be this one
