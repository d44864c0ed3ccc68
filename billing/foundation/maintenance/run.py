"""One maintenance: step by step, each on record, a failed one stopping no other."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Min

from billing.foundation import hostclock
from billing.foundation.alone import alone
from billing.foundation.maintenance import tables
from billing.foundation.maintenance.models import MaintenanceRun
from billing.foundation.maintenance.tables import Need
from billing.foundation.site.selectors import site

log = logging.getLogger(__name__)

LOCK = "maintenance"
EVERY = timedelta(days=28)
AGAIN = timedelta(hours=20)  # the next day, when a run's time was up before it was through
LEFT = "left for the next run: its time was up"
AT_ANY_HOUR = timedelta(days=35)  # a portal that never runs in the chosen hour has it in another one
LOCK_WAIT = "3s"  # for a lock that another maintenance, or a migration, has; posts never wait behind it for longer

# What packages above do first, before tables are vacuumed: (name, work). The work says in words what it did.
first_steps: list[tuple[str, Callable[[], str]]] = []


def maintenance_is_due(now: datetime) -> bool:
    """Whether it is time: four weeks after the last one, in the hour that the site settings say."""
    last = MaintenanceRun.objects.filter(finished_at__isnull=False).order_by("-started_at").first()
    if last is not None:
        left = any(step.get("error") == LEFT for step in last.steps)
        if last.started_at > now - (AGAIN if left else EVERY):
            return False
    since = _installed_at() if last is None else last.started_at
    overdue = since is not None and since <= now - AT_ANY_HOUR
    return overdue or now.astimezone(UTC).hour == site().maintenance_hour


def _installed_at() -> datetime | None:
    at: datetime | None = MigrationRecorder.Migration.objects.aggregate(at=Min("applied"))["at"]
    return at


def maintenance_run(*, seconds: float | None = None) -> MaintenanceRun | None:
    """Do now what tables need; None when another process is at it. After `seconds` no further step is begun, and one
    that runs is stopped. Must not be called inside a transaction.
    """
    with alone(LOCK) as mine:
        if not mine:
            return None
        run = MaintenanceRun.objects.create(started_at=hostclock.present())
        end = None if seconds is None else time.monotonic() + seconds
        with _session():
            for name, work in first_steps:
                _record(run, name, "", work, end)
            for need in _needs():
                _record(run, need.sql, need.relation, lambda need=need: _execute(need, end), end)  # type: ignore[misc]
        run.finished_at = hostclock.present()
        run.save()
        return run


def in_words(step: Mapping[str, Any]) -> str:
    """A step of a run's record as people read it."""
    sizes = f", {step['before']:,} → {step['after']:,} bytes" if "after" in step else ""
    return (
        f"{step['what']}: {step.get('seconds', 0):.1f} s{sizes} {step.get('error') or step.get('said') or ''}".rstrip()
    )


def _needs() -> Iterator[Need]:
    found = tables.to_vacuum()
    steps: Iterable[Callable[[], Iterable[Need]]] = (
        tables.left_behind,
        lambda: tables.vacuums(found),
        lambda: tables.summaries(table for table, moved in found.items() if moved),
        tables.bloated,  # measured after the tables were analysed
    )
    return chain.from_iterable(step() for step in steps)


def _record(run: MaintenanceRun, what: str, relation: str, work: Callable[[], str], end: float | None) -> None:
    if end is not None and time.monotonic() >= end:
        run.steps.append({"what": what, "error": LEFT})
        return
    started = time.monotonic()
    step: dict[str, Any] = {"what": what, "before": tables.size_of(relation)} if relation else {"what": what}
    try:
        step["said"] = work()
    except Exception as error:  # whatever one step does, the others go on
        log.exception("maintenance: %s", what)
        step["error"] = f"{type(error).__name__}: {error}"[:500]
        run.failed += 1
    step["seconds"] = round(time.monotonic() - started, 3)
    if relation:
        step["after"] = tables.size_of(relation)
    run.steps.append(step)
    run.save()


def _execute(need: Need, end: float | None) -> str:
    left = 0 if end is None else max(int(1000 * (end - time.monotonic())), 1)
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {left}")
        try:
            cursor.execute(need.sql)
        finally:
            cursor.execute("RESET statement_timeout")
    return ""


@contextmanager
def _session() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_WAIT}'")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
