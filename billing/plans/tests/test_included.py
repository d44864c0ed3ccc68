"""What a plan includes is there when its period begins, whether or not the job that opens periods has run."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.metering import hooks
from billing.metering.events import EventInput, Source
from billing.metering.hooks import Terms
from billing.metering.models import Allowance, UsageEvent
from billing.metering.receipts import Receipt
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.selectors.included import Included, allowances
from billing.metering.tests.conftest import TTS, event
from billing.plans.models import Plan, PlanVersion, Subscription
from billing.plans.services import workspace_open
from billing.pricing.testing import import_demo_prices

START = datetime(2026, 1, 31, 10, tzinfo=UTC)
SECOND_PERIOD = datetime(2026, 2, 28, 10, tzinfo=UTC)
DAY = timedelta(days=1)
SERVICE = Source("service")


@pytest.fixture
def prices(db: None) -> None:
    import_demo_prices()


@pytest.fixture
def free(alice: User, prices: None) -> Workspace:
    return open_on(alice, "free")


def open_on(owner: User, plan_key: str) -> Workspace:
    with clock.at(START):
        return workspace_open(name=plan_key, owner=owner, plan_key=plan_key)


def speech(event_id: str, characters: int, occurred_at: datetime | None = None) -> EventInput:
    return event(event_id, model=TTS, usage={"input_characters": characters}, occurred_at=occurred_at)


def record(workspace: Workspace, reported: EventInput, at: datetime) -> Receipt:
    with clock.at(at):
        return usage_record(workspace_id=workspace.pk, source=SERVICE, event=reported)


def roll(at: datetime) -> None:
    with clock.at(at):
        [run] = run_due(only="plan_periods")
    assert run.error == ""


def counters(workspace: Workspace) -> list[tuple[str, datetime, datetime, Decimal, Decimal]]:
    rows = Allowance.objects.filter(workspace=workspace).order_by("starts_at", "meter")
    return list(rows.values_list("meter", "starts_at", "ends_at", "included", "used"))


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=20), DAY])
def test_a_period_does_not_wait_for_the_job_that_opens_it(free: Workspace, late: timedelta) -> None:
    at = SECOND_PERIOD + late
    assert record(free, speech("a", 1_000), SECOND_PERIOD - timedelta(microseconds=1)).nano == 0
    receipt = record(free, speech("b", 100), at)
    assert (receipt.nano, receipt.lines[0].from_allowance) == (0, 100)
    assert Allowance.objects.get(workspace=free, starts_at=SECOND_PERIOD).used == 100


def test_pages_show_the_present_period_only(free: Workspace) -> None:
    record(free, speech("a", 400), START + DAY)
    assert allowances(free.pk, START + DAY) == [
        Included("input_characters", Decimal(1000), Decimal(400), SECOND_PERIOD)
    ]
    (row,) = allowances(free.pk, SECOND_PERIOD)
    assert (row.used, row.resets_at) == (0, datetime(2026, 3, 31, 10, tzinfo=UTC))


@pytest.mark.parametrize("down", [DAY, timedelta(days=95)])
def test_downtime_of_the_worker_changes_nothing_but_the_delay(alice: User, prices: None, down: timedelta) -> None:
    on_time, waited = open_on(alice, "free"), open_on(alice, "free")
    back = SECOND_PERIOD + down
    reported = [  # what, and when it is reported
        (speech("a", 600), START + DAY),
        (speech("b", 700), back - timedelta(hours=2)),
        (speech("c", 600, occurred_at=back - timedelta(hours=60)), back - timedelta(hours=1)),
    ]
    Subscription.objects.filter(workspace=waited).update(next_period_at=back + DAY)  # no worker for this one
    for days in range(29, (back - START).days + 1):
        roll(START + days * DAY)
    Subscription.objects.filter(workspace=waited).update(next_period_at=SECOND_PERIOD)
    told = [[record(workspace, what, when).nano for what, when in reported] for workspace in (on_time, waited)]
    assert told[0] == told[1]
    roll(back)
    assert counters(waited) == counters(on_time)
    assert sum(used for *_, used in counters(waited)) > 1_000


def test_an_event_of_a_period_that_nobody_opened_uses_that_period(free: Workspace) -> None:
    began = datetime(2026, 5, 31, 10, tzinfo=UTC)
    with clock.at(began + DAY):
        result = usage_record_batch(
            workspace_id=free.pk,
            source=SERVICE,
            events=[
                speech("now", 1_000),
                speech("before", 900, occurred_at=began - timedelta(hours=1)),
                speech("too old", 1, occurred_at=began - timedelta(days=5)),  # booked now, where all is used up
            ],
        )
    assert (result.accepted, result.nano) == (3, 8_000_000)
    used = {start.isoformat()[:10]: used for _, start, _, _, used in counters(free)}
    assert used == {"2026-01-31": 0, "2026-02-28": 0, "2026-04-30": 900, "2026-05-31": 1_000}
    roll(began + 2 * DAY)
    assert [start.month for _, start, *_ in counters(free)] == [1, 2, 3, 4, 5, 6]


def test_pages_show_what_is_included_before_anybody_opened_it(free: Workspace) -> None:
    june = datetime(2026, 6, 2, tzinfo=UTC)
    resets_at = datetime(2026, 6, 30, 10, tzinfo=UTC)
    assert allowances(free.pk, june) == [Included("input_characters", Decimal(1000), Decimal(0), resets_at)]
    assert len(counters(free)) == 2


def test_nothing_is_included_before_the_plan_began(free: Workspace) -> None:
    receipt = record(free, speech("a", 100, occurred_at=START - timedelta(hours=1)), START + timedelta(hours=1))
    assert receipt.nano == 800_000_000
    assert len(counters(free)) == 2


def test_a_plan_without_allowances_and_used_up_ones_ask_nothing_per_event(
    alice: User, free: Workspace, workspace: Workspace
) -> None:
    plan = Plan.objects.create(key="plain", name="Plain")
    PlanVersion.objects.create(plan=plan, number=1, published_at=START)
    plain = open_on(alice, "plain")
    for one in (plain, workspace, free):
        record(one, speech("first", 1_000), START + DAY)
    with CaptureQueriesContext(connection) as queries:
        for one in (plain, workspace, free):
            for number in range(3):
                assert record(one, speech(f"e{number}", 100), START + DAY).nano == 800_000_000
    assert [query for query in queries.captured_queries if "plans_" in query["sql"]] == []


def test_what_cannot_be_opened_keeps_no_usage_out(
    free: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    backwards = Terms("input_characters", START + DAY, START, Decimal(1))
    monkeypatch.setattr(hooks, "allowances_due", [lambda _workspace, _at: [backwards]])
    with caplog.at_level(logging.ERROR):
        assert record(free, speech("a", 100), START + 90 * DAY).nano == 800_000_000
    assert "could not be opened" in caplog.text
    assert UsageEvent.objects.filter(workspace=free).count() == 1


def test_a_machine_whose_clock_runs_ahead_uses_what_is_open_now(
    alice: User, prices: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = datetime.now(UTC) - 27 * DAY
    with clock.at(began):
        workspace = workspace_open(name="Free", owner=alice, plan_key="free")
    with monkeypatch.context() as there:
        there.setattr(clock, "now", lambda: datetime.now(UTC) + 5 * DAY)
        receipt = usage_record(workspace_id=workspace.pk, source=SERVICE, event=speech("a", 100))
    assert receipt.nano == 0
    assert Allowance.objects.get(workspace=workspace, starts_at=began).used == 100


@pytest.mark.django_db(transaction=True)
def test_reports_at_the_same_moment_open_a_period_once(free: Workspace) -> None:
    at = datetime(2026, 6, 2, tzinfo=UTC)
    barrier = Barrier(6)

    def work(number: int) -> int:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            if number == 0:
                roll(at)
                return 0
            return record(free, speech(f"e{number}", 300), at).nano
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        charged = sum(pool.map(work, range(6)))
    assert charged == 500 * 8_000_000
    assert [used for _, start, _, _, used in counters(free) if start.month == 5] == [1_000]
