"""The registry of periodic jobs and the command that runs them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from billing.credits import clock
from billing.foundation.due import registry
from billing.foundation.due.models import DueJob
from billing.foundation.due.registry import UnknownJob, due_job, overdue, run_due
from billing.foundation.due.tasks import beat_schedule, run_due_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls() -> Iterator[list[tuple[str, datetime]]]:
    """Three jobs: one with work for two and a half batches, one broken, one idle."""
    kept = dict(registry._jobs)
    registry._jobs.clear()
    seen: list[tuple[str, datetime]] = []
    left = {"busy": 500}

    @due_job("busy", every=timedelta(minutes=1))
    def busy(*, now: datetime, limit: int) -> int:
        seen.append(("busy", now))
        done = min(left["busy"], limit)
        left["busy"] -= done
        return done

    @due_job("broken", every=timedelta(minutes=1))
    def broken(*, now: datetime, limit: int) -> int:
        raise ValueError("no ink")

    @due_job("idle", every=timedelta(hours=1))
    def idle(*, now: datetime, limit: int) -> int:
        seen.append(("idle", now))
        return 0

    yield seen
    registry._jobs.clear()
    registry._jobs.update(kept)


def test_job_is_called_until_nothing_is_left(calls: list[tuple[str, datetime]]) -> None:
    [run] = run_due(only="busy")
    assert run.items == 500
    assert [name for name, _ in calls] == ["busy"] * 3
    row = DueJob.objects.get(name="busy")
    assert (row.last_items, row.failures, row.last_error) == (500, 0, "")


def test_a_failing_job_does_not_stop_the_others(calls: list[tuple[str, datetime]]) -> None:
    runs = {run.name: run for run in run_due()}
    assert runs["broken"].error == "ValueError: no ink"
    assert runs["idle"].error == ""
    assert calls[-1][0] == "idle"
    run_due(only="broken")
    row = DueJob.objects.get(name="broken")
    assert (row.failures, row.last_error, row.last_finished_at) == (2, "ValueError: no ink", None)


def test_two_jobs_may_not_share_a_name(calls: list[tuple[str, datetime]]) -> None:
    with pytest.raises(ValueError, match="two due jobs"):

        @due_job("idle", every=timedelta(hours=1))
        def another(*, now: datetime, limit: int) -> int:
            return 0


def test_unknown_job_is_refused() -> None:
    with pytest.raises(UnknownJob):
        run_due(only="nonsense")
    with pytest.raises(CommandError, match="There is no job 'nonsense'"):
        call_command("run_due", "--job", "nonsense")


def test_overdue_names_failed_and_silent_jobs(calls: list[tuple[str, datetime]]) -> None:
    assert [row.name for row in overdue(clock.now())] == ["busy", "broken", "idle"]  # nothing ever ran
    run_due()
    assert [row.name for row in overdue(clock.now())] == ["broken"]
    assert [row.name for row in overdue(clock.now() + timedelta(hours=2))] == ["busy", "broken"]


def test_beat_gets_every_job(calls: list[tuple[str, datetime]]) -> None:
    schedule = beat_schedule()
    assert set(schedule) == {"busy", "broken", "idle"}
    assert schedule["idle"]["schedule"] == 3600
    assert schedule["idle"]["args"] == ("idle",)
    run_due_task("idle")
    assert calls[-1][0] == "idle"


def test_command_prints_json_and_fails_when_a_job_failed(calls: list[tuple[str, datetime]]) -> None:
    out = StringIO()
    with pytest.raises(CommandError, match="Failed: broken"):
        call_command("run_due", "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["items"] == 500
    assert report["jobs"][1] == {"job": "broken", "items": 0, "error": "ValueError: no ink"}


def test_command_travels_in_time_where_allowed(calls: list[tuple[str, datetime]]) -> None:
    call_command("run_due", "--job", "idle", "--at", "2031-01-31T12:00:00", stdout=StringIO())
    assert calls == [("idle", datetime(2031, 1, 31, 12, tzinfo=UTC))]


def test_command_refuses_to_travel_on_a_real_installation(
    calls: list[tuple[str, datetime]], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEMO = False
    monkeypatch.setitem(connection.settings_dict, "NAME", "purser")
    with pytest.raises(CommandError, match="demo installation only"):
        call_command("run_due", "--at", "2031-01-31T12:00:00Z")
    assert calls == []


def test_command_refuses_nonsense_times() -> None:
    for text in ("tomorrow", "2031-13-45T00:00:00Z"):
        with pytest.raises(CommandError, match="not a time"):
            call_command("run_due", "--at", text)
