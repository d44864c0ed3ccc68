"""Periodic jobs, each registered once and found by a query when it runs: messages are hints, never truth."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol, TypeVar

from django.db import connection
from django.db.models import F

from billing.foundation import hostclock
from billing.foundation.due.models import DueJob

log = logging.getLogger(__name__)

BATCH = 200
# A job that never reports less than a full batch is broken; stop it and say so instead of spinning for ever.
MOST_BATCHES = 10_000


class Work(Protocol):
    def __call__(self, *, now: datetime, limit: int) -> int: ...


W = TypeVar("W", bound=Callable[..., int])


@dataclass(frozen=True)
class Job:
    name: str
    every: timedelta
    work: Work


@dataclass(frozen=True)
class JobRun:
    name: str
    items: int
    error: str
    seconds: float


class UnknownJob(LookupError):
    """No job of that name is registered."""


_jobs: dict[str, Job] = {}


def due_job(name: str, *, every: timedelta) -> Callable[[W], W]:
    """Register `work(*, now, limit) -> items done`, called again until it returns less than `limit`.

    The function claims its rows with FOR UPDATE SKIP LOCKED or a conditional UPDATE, commits each batch itself, and
    does everything under a unique key: several workers may run the same job at the same moment.
    """

    def register(work: W) -> W:
        known = _jobs.get(name)
        if known is not None and getattr(known.work, "__qualname__", "") != work.__qualname__:
            raise ValueError(f"two due jobs are called {name!r}")
        _jobs[name] = Job(name, every, work)
        return work

    return register


def jobs() -> list[Job]:
    return list(_jobs.values())


def run_due(*, only: str | None = None) -> list[JobRun]:
    """Run all jobs, or one, to the end of what is due; an error stops its own job only."""
    if only is not None and only not in _jobs:
        raise UnknownJob(only)
    return [run_job(job) for job in jobs() if only in (None, job.name)]


def run_job(job: Job, *, batch: int = BATCH) -> JobRun:
    """Run one job until nothing is due; what it did or why it failed is kept in its DueJob row."""
    started = monotonic()
    DueJob.objects.update_or_create(name=job.name, defaults={"last_started_at": hostclock.present()})
    items, error = 0, ""
    try:
        items = _to_the_end(job, batch)
    except Exception as exception:  # whatever one job does, the others go on
        log.exception("due job %s failed", job.name)
        error = f"{type(exception).__name__}: {exception}"[:2000]
    seconds, at = monotonic() - started, hostclock.present()
    row = DueJob.objects.filter(name=job.name)
    if error:
        row.update(last_error=error, last_failed_at=at, last_seconds=seconds, failures=F("failures") + 1)
    else:
        row.update(last_finished_at=at, last_items=items, last_seconds=seconds, last_error="", failures=0)
    return JobRun(job.name, items, error, seconds)


def _to_the_end(job: Job, batch: int) -> int:
    total = 0
    for _ in range(MOST_BATCHES):
        done = job.work(now=hostclock.present(), limit=batch)
        total += done
        if done < batch:
            return total
    raise RuntimeError(f"still not finished after {MOST_BATCHES} batches")


def overdue(now: datetime) -> Iterable[DueJob]:
    """Rows of jobs that failed last time or have not finished for three of their intervals (at least 5 minutes)."""
    rows = {row.name: row for row in DueJob.objects.filter(name__in=_jobs)}
    for job in jobs():
        row = rows.get(job.name) or DueJob(name=job.name)
        patience = max(3 * job.every, timedelta(minutes=5))
        if row.failures or row.last_finished_at is None or row.last_finished_at < now - patience:
            yield row


def may_travel(*, demo: bool) -> bool:
    """Whether jobs may run as if at another time: demo installations and test databases only."""
    return demo or str(connection.settings_dict["NAME"]).startswith("test_")
