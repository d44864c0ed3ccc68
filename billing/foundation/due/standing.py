"""How each periodic job stands, and asking for a run of one now."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from billing.foundation import hostclock
from billing.foundation.audit.services import record
from billing.foundation.due.models import DueJob
from billing.foundation.due.registry import Job, UnknownJob, jobs, overdue
from billing.foundation.due.tasks import run_due_task

log = logging.getLogger(__name__)
Health = Literal["failing", "late", "running", "on time"]


class NotQueued(RuntimeError):
    """The broker does not take the message; by the schedule the job runs as before."""


@dataclass(frozen=True, slots=True)
class Standing:
    job: Job
    row: DueJob  # an empty one of a job that never ran
    health: Health

    @property
    def about(self) -> str:
        """What it does: the first sentence that its function says."""
        text = " ".join((getattr(self.job.work, "__doc__", "") or "").split())
        return text.partition(". ")[0].rstrip(".") + "." if text else ""

    @property
    def next_due_at(self) -> datetime | None:
        """By its schedule; None: at once, it never ran."""
        return self.row.last_started_at and self.row.last_started_at + self.job.every

    @property
    def asked(self) -> bool:
        """A person asked for a run that has not begun."""
        asked, started = self.row.asked_at, self.row.last_started_at
        return asked is not None and (started is None or started < asked)


def standings(now: datetime) -> list[Standing]:
    """All registered jobs, those that need a person first."""
    order = ["failing", "late", "running", "on time"]
    return sorted(_standings(now), key=lambda each: (order.index(each.health), each.job.name))


def _standings(now: datetime) -> Iterator[Standing]:
    rows, late = {row.name: row for row in DueJob.objects.all()}, {row.name for row in overdue(now)}
    for job in jobs():
        row = rows.get(job.name) or DueJob(name=job.name)
        yield Standing(job, row, _health(row, late=job.name in late))


def _health(row: DueJob, *, late: bool) -> Health:
    if row.failures:
        return "failing"
    if late:
        return "late"
    ended = [at for at in (row.last_finished_at, row.last_failed_at) if at]
    running = row.last_started_at is not None and (not ended or row.last_started_at > max(ended))
    return "running" if running else "on time"


def job_ask(*, name: str, actor: User, request: HttpRequest | None = None) -> None:
    """Have a worker run a job now. It looks for what is due, so asking twice, or while it runs, does nothing twice.

    Raises UnknownJob, NotQueued.
    """
    if name not in {job.name for job in jobs()}:
        raise UnknownJob(name)
    with transaction.atomic():
        asked = {"asked_at": hostclock.present(), "asked_by": actor.email[:200]}
        DueJob.objects.update_or_create(name=name, defaults=asked)
        record(action="due_job.asked", actor=actor, target=name, request=request)
    try:
        run_due_task.apply_async((name,), retry=False, expires=3600)
    except Exception as error:  # whatever is wrong with the broker
        log.warning("the job %s could not be queued: %s", name, error)
        DueJob.objects.filter(name=name).update(asked_at=None)
        raise NotQueued(name) from error
