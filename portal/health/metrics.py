"""Prometheus metrics: read from the database when asked, so that every web process tells the same."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Min, Sum
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.registry import Collector

from billing.credits import clock
from billing.foundation.due.models import DueJob
from billing.foundation.due.registry import jobs
from billing.foundation.outbox.models import OutboxMessage
from billing.ledger.models import Wallet
from billing.metering.models import UsageEvent
from billing.metering.unrated.waiting import how_many

__all__ = ["CONTENT_TYPE", "exposition"]

Number = int | float | Decimal


def exposition() -> bytes:
    """All metrics in Prometheus' text format; process metrics are those of the web process that answers."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class DatabaseCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        for name, (text, read) in COUNTERS.items():
            yield CounterMetricFamily(f"purser_{name}", text, value=float(read()))
        for name, (text, read) in GAUGES.items():
            yield GaugeMetricFamily(f"purser_{name}", text, value=float(read()))
        yield from _due_jobs()


def _events() -> int:
    # From the id sequence: counting the table would take as long as the table is large.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sequence_last_value(pg_get_serial_sequence(%s, 'id'))", [UsageEvent._meta.db_table])
        return cursor.fetchone()[0] or 0


def _sum(field: str) -> Number:
    return Wallet.objects.aggregate(total=Sum(field))["total"] or 0


def _outbox(status: str) -> int:
    return OutboxMessage.objects.filter(status=status).count()


def _outbox_lag() -> float:
    oldest = OutboxMessage.objects.filter(status=OutboxMessage.Status.QUEUED).aggregate(at=Min("next_attempt_at"))["at"]
    return _seconds_since(oldest) if oldest else 0.0


def _seconds_since(instant: datetime) -> float:
    return max(0.0, (clock.now() - instant).total_seconds())


COUNTERS: dict[str, tuple[str, Callable[[], Number]]] = {
    "ledger_transfers": ("Transfers in all ledgers", lambda: _sum("seq")),
    "usage_events": ("Usage events recorded, at most (ids given out)", _events),
}
GAUGES: dict[str, tuple[str, Callable[[], Number]]] = {
    "wallets": ("Workspaces with a wallet", lambda: Wallet.objects.count()),
    "wallets_stopped": ("Workspaces with nothing left", lambda: Wallet.objects.exclude(stopped_at=None).count()),
    "ledger_available_credits": ("Credits that can be spent", lambda: Decimal(_sum("available")).scaleb(-9)),
    "ledger_debt_credits": ("Credits used beyond balances", lambda: Decimal(_sum("debt")).scaleb(-9)),
    "usage_unrated": ("Events that wait for a price", how_many),
    "outbox_queued": ("E-mails waiting", lambda: _outbox(OutboxMessage.Status.QUEUED)),
    "outbox_failed": ("E-mails given up", lambda: _outbox(OutboxMessage.Status.FAILED)),
    "outbox_lag_seconds": ("How long the oldest waiting e-mail is due", _outbox_lag),
}


def _due_jobs() -> Iterator[Metric]:
    """How far each periodic job is behind its interval, and how often it failed in a row."""
    lag = GaugeMetricFamily("purser_due_lag_seconds", "Time since the next run of a job was due", labels=["job"])
    failures = GaugeMetricFamily("purser_due_failures", "Failures of a job in a row", labels=["job"])
    rows = {row.name: row for row in DueJob.objects.all()}
    for job in jobs():
        row = rows.get(job.name)
        finished = (row and row.last_finished_at) or datetime.fromtimestamp(0, UTC)
        lag.add_metric([job.name], max(0.0, _seconds_since(finished) - job.every.total_seconds()))
        failures.add_metric([job.name], row.failures if row else 0)
    yield lag
    yield failures
