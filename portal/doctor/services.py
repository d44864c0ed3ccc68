"""The services that Purser stands on: database, clock, cache, broker, worker, beat."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from secrets import token_hex

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from billing.credits import clock
from billing.foundation import hostclock
from billing.foundation.due.models import DueJob
from billing.foundation.due.registry import Job, jobs
from billing.foundation.due.tasks import run_due_task
from portal.doctor.findings import Finding, first_line, note, ok, wrong
from portal.run.checks import OLDEST_POSTGRES, broker_reachable
from portal.run.problem import Problem
from portal.upgrades import HINT, stopped_here

WORKER_PATIENCE = 15.0  # seconds until a worker has taken what it was sent
START_WORKER = "Start it: python -m portal.run worker. make run starts all parts."
START_BEAT = "Start exactly one: python -m portal.run beat. make run starts all parts."


def database() -> Iterator[Finding]:
    where = "the embedded PostgreSQL" if settings.EMBEDDED else "DATABASE_URL"
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version'), current_setting('server_version_num')::int")
            version, number = cursor.fetchone()
            cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
            (size,) = cursor.fetchone()
    except DatabaseError as error:
        yield wrong("database", f"{where} does not answer: {first_line(error)}", "Start it, or correct DATABASE_URL.")
        return
    if number < OLDEST_POSTGRES * 10_000:
        yield wrong("database", f"PostgreSQL {version}", f"PostgreSQL {OLDEST_POSTGRES} or newer is needed.")
    else:
        yield ok("database", f"PostgreSQL {version}, {size}")


def migrations() -> Iterator[Finding]:
    if stopped := stopped_here():
        yield wrong("migrations", stopped, HINT)
        return
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        yield wrong("migrations", f"{missing} are not applied", "Run manage.py prepare, then start all parts again.")
    else:
        yield ok("migrations", "all applied")


def this_clock() -> Iterator[Finding]:
    ahead = clock.now() - hostclock.database()
    seconds = ahead.total_seconds()
    words = f"{abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} the database's"
    if abs(ahead) > hostclock.TOLERANCE:
        yield wrong("clock", words, "Set this machine's clock and keep it set (NTP); the database's is used meanwhile.")
    else:
        yield ok("clock", words)


def this_cache() -> Iterator[Finding]:
    where = "Redis" if settings.REDIS_URL else "tables in the database"
    key, value = f"doctor-{token_hex(8)}", token_hex(8)
    try:
        cache.set(key, value, 60)
        kept = cache.get(key)
        cache.delete(key)
    except Exception as error:  # whatever the backend raises
        fix = "Start Redis, or correct REDIS_URL." if settings.REDIS_URL else "Run manage.py prepare."
        yield wrong("cache", f"{where}: {first_line(error)}", fix)
        return
    if kept == value:
        yield ok("cache", f"{where}: what was put in came out")
    else:
        yield wrong("cache", f"{where}: what was put in did not come out", "See its memory limit and eviction policy.")


def broker() -> Iterator[Finding]:
    scheme = settings.CELERY_BROKER_URL.partition(":")[0]
    what = "files in the home" if scheme == "filesystem" else scheme
    try:
        broker_reachable(settings.CELERY_BROKER_URL, getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}))
    except Problem as problem:
        yield wrong("broker", first_line(problem), "Start it, or correct the address.")
    else:
        yield ok("broker", f"{what}: connected")


def worker_and_beat() -> Iterator[Finding]:
    """A job is sent to the worker, and whether it begins is seen in the database. It only looks for what is due."""
    job = min(jobs(), key=lambda each: each.every)
    before = _last_start(job)
    yield from _beat(job, before)
    asked = hostclock.database()
    try:
        run_due_task.apply_async((job.name,), retry=False, expires=60)
    except Exception as error:  # whatever the transport raises
        yield wrong("worker", f"nothing can be sent to it: {first_line(error)}", "See the broker above.")
        return
    took = _seconds_until_started(job, asked)
    if took is None:
        yield wrong("worker", f"did not take a job within {WORKER_PATIENCE:.0f} s", START_WORKER)
    else:
        yield ok("worker", f"took a job within {took:.1f} s")


def _beat(job: Job, started: datetime | None) -> Iterator[Finding]:
    patience = max(3 * job.every, timedelta(minutes=2))
    if started is None:
        yield wrong("beat", "no periodic work has ever begun", START_BEAT)
        return
    ago = hostclock.database() - started
    words = f"the last periodic work began {ago.total_seconds():.0f} s ago"
    yield ok("beat", words) if ago <= patience else wrong("beat", words, f"{START_BEAT} It needs a worker, too.")


def _last_start(job: Job) -> datetime | None:
    return DueJob.objects.filter(name=job.name).values_list("last_started_at", flat=True).first()


def _seconds_until_started(job: Job, asked: datetime) -> float | None:
    began = time.monotonic()
    while (passed := time.monotonic() - began) < WORKER_PATIENCE:
        started = _last_start(job)
        if started is not None and started >= asked:
            return passed
        time.sleep(0.1)
    return None


def connections() -> Iterator[Finding]:
    """Whether all parts of this machine and one more fit into what the database allows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('max_connections')::int, count(*) FROM pg_stat_activity")
        allowed, used = cursor.fetchone()
    words = f"{used} of {allowed} connections of the database are in use"
    if used > 0.8 * allowed:
        yield note("connections", words, "Raise max_connections, or lower WEB_THREADS.")
    else:
        yield ok("connections", words)
