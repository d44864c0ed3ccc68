"""Thousands of events over ten months, eight of them archived: everything adds up, and the tables are smaller."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from pytest_django import Settings

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.foundation.maintenance.models import MaintenanceRun
from billing.foundation.maintenance.run import maintenance_run
from billing.foundation.site.services import site_update
from billing.ledger.models import Wallet
from billing.ledger.verify import verify
from billing.metering.archive.services import archive_old_events
from billing.metering.models import EventArchive, UsageEvent
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.selectors.breakdown import breakdown
from billing.metering.tests.conftest import SERVICE, event
from billing.metering.tests.helpers import proved
from billing.metering.tests.test_races import together
from billing.pricing.testing import import_demo_prices

pytestmark = pytest.mark.django_db(transaction=True)
MONTHS = [datetime(2026, month, 10, 12, tzinfo=UTC) for month in range(1, 11)]
NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
TABLE = "metering_usageevent"
TRACE = {"trace": "0123456789abcdef" * 20, "route": "/v1/chat/completions"}


@pytest.fixture
def kept_two_months(transactional_db: None, settings: Settings, tmp_path: Path) -> None:
    settings.ARCHIVE_DIR = str(tmp_path)
    import_demo_prices()
    site_update(changes={"event_detail_months": 2}, actor="test")


@pytest.fixture(params=[pytest.param(300, id="small"), pytest.param(500, marks=pytest.mark.slow, id="full")])
def batch(request: pytest.FixtureRequest) -> int:
    """Events of half a month."""
    return int(request.param)


@pytest.fixture
def history(kept_two_months: None, workspace: Workspace, batch: int) -> Workspace:
    lived(workspace, batch=batch)
    return workspace


@pytest.fixture
def short_history(kept_two_months: None, workspace: Workspace) -> Workspace:
    """Less of it, where sizes make no difference."""
    lived(workspace, batch=100)
    return workspace


def lived(workspace: Workspace, *, batch: int) -> None:
    for month, at in enumerate(MONTHS):
        for part in range(2):
            events = [reported(month, part, index) for index in range(batch)]
            result = usage_record_batch(workspace_id=workspace.pk, source=SERVICE, events=events, now=at)
            assert result.accepted == batch


def reported(month: int, part: int, index: int) -> Any:
    at = MONTHS[month] - timedelta(minutes=index)
    return event(f"req-{month}-{part}-{index}", occurred_at=at, agent=f"agent{index % 7}", end_user=f"u{index % 50}",
                 metadata={**TRACE, "n": index})  # fmt: skip


def size() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s)", [TABLE])
        return int(cursor.fetchone()[0])


def archive() -> int:
    with clock.at(NOW):
        return archive_old_events(now=NOW)


@pytest.mark.parametrize("vacuumed", [False, True])
def test_all_adds_up_and_the_table_is_smaller(history: Workspace, batch: int, vacuumed: bool) -> None:
    """Also where autovacuum was there first, so that there is room on every page."""

    def shown() -> Any:
        bounds = {"since": MONTHS[0] - timedelta(days=9), "until": NOW}
        return [breakdown(history, by=by, **bounds) for by in ("model", "agent", "month", "day")]

    pages, before = shown(), size()
    assert archive() == 16 * batch
    if vacuumed:
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM {TABLE}")
    run = maintenance_run()
    assert run is not None
    assert (run.failed, run.finished_at is None) == (0, False)
    after = size()
    assert after < 0.8 * before, f"{before} became {after}"
    assert shown() == pages
    assert verify().problems == []
    proved(history)
    debt = Wallet.objects.get().debt
    with clock.at(NOW):
        for month in (0, 4, 9):
            again = [reported(month, 1, index) for index in range(batch)]
            result = usage_record_batch(workspace_id=history.pk, source=SERVICE, events=again)
            assert (result.accepted, result.duplicates) == (0, batch)
    assert Wallet.objects.get().debt == debt
    assert UsageEvent.objects.exclude(archive=None).count() == 16 * batch
    assert EventArchive.objects.count() == 8


def test_what_was_freed_is_used_again_when_nothing_is_moved(history: Workspace, batch: int) -> None:
    """Also where the maintenance could not cut the table: what comes next fills it first."""
    archive()
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM {TABLE}")
    before = size()
    for part in range(2, 6):
        events = [reported(9, part, index) for index in range(batch)]
        usage_record_batch(workspace_id=history.pk, source=SERVICE, events=events, now=MONTHS[9])
    assert size() <= 1.02 * before
    assert verify().problems == []


def test_posts_go_on_while_tables_are_maintained(short_history: Workspace) -> None:
    """Posts run from before the first step until after the last; none fails, none waits for a step to end."""
    archive()
    over = threading.Event()
    waits: list[float] = []

    def post() -> int:
        count = 0
        while not over.is_set() or count < 20:
            started = time.monotonic()
            usage_record(workspace_id=short_history.pk, source=SERVICE, event=event(f"live{count}"))
            waits.append(time.monotonic() - started)
            count += 1
        return count

    def maintain() -> Any:
        try:
            return maintenance_run()
        finally:
            over.set()

    run, posted = together(maintain, post)
    assert isinstance(run, MaintenanceRun), run
    assert run.failed == 0, run.steps
    assert isinstance(posted, int), posted
    assert posted >= 20
    took = sum(step["seconds"] for step in run.steps)
    assert max(waits) < max(took / 2, 1.0), f"{posted} posts, the slowest {max(waits):.3f} s of {took:.3f} s"
    assert verify().problems == []


def test_archiving_and_posting_and_charging_at_once(short_history: Workspace) -> None:
    def post() -> int:
        for index in range(60):
            usage_record(workspace_id=short_history.pk, source=SERVICE, event=event(f"live{index}"))
        return 60

    def repeat() -> int:
        found = 0
        for part in range(2):
            again = [reported(0, part, index) for index in range(100)]
            found += usage_record_batch(workspace_id=short_history.pk, source=SERVICE, events=again).duplicates
        return found

    jobs: list[Callable[[], int]] = [archive, archive, post, repeat, lambda: len(verify().problems)]
    first, second, *others = together(*jobs)
    assert sorted([first, second]) == [0, 1_600]
    assert others == [60, 200, 0]
    assert verify().problems == []


def test_of_two_maintenances_at_once_one_is_done(short_history: Workspace) -> None:
    runs = together(maintenance_run, maintenance_run)
    assert sorted(run is None for run in runs) in ([False, True], [False, False])  # one may be over already
    assert MaintenanceRun.objects.filter(failed=0).count() == sum(run is not None for run in runs)
    connections.close_all()


def test_the_job_archives_and_maintains_in_its_hour(short_history: Workspace) -> None:
    with clock.at(NOW.replace(hour=3)):
        (run,) = run_due(only="event_archive")
        assert (run.error, EventArchive.objects.count()) == ("", 8)
        (run,) = run_due(only="maintenance")
        assert run.error == ""
    (done,) = MaintenanceRun.objects.all()
    assert "events moved" in done.steps[0]["said"]
