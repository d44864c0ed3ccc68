"""The monthly maintenance: when it is due, what it finds to do, and that each step is on record."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, connections
from django.test import Client

from accounts.models import User
from billing.credits import clock
from billing.foundation import hostclock
from billing.foundation.alone import alone
from billing.foundation.due.registry import run_due
from billing.foundation.maintenance import run as running
from billing.foundation.maintenance import tables
from billing.foundation.maintenance.models import MaintenanceRun
from billing.foundation.maintenance.run import LEFT, in_words, maintenance_is_due, maintenance_run
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import send
from billing.foundation.site.services import site_update

THREE = datetime(2026, 5, 4, 3, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def scratch(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A table of 20,000 rows of which 19,000 are gone, its index as large as before."""
    monkeypatch.setattr(tables, "SMALL_INDEX", 65_536)
    monkeypatch.setattr(running, "first_steps", [])
    sql("CREATE TABLE scratch (id bigint PRIMARY KEY, name text)")
    sql("INSERT INTO scratch SELECT n, 'row ' || n FROM generate_series(1, 20000) n")
    sql("CREATE INDEX scratch_name ON scratch (name)")
    sql("CREATE INDEX scratch_brin ON scratch USING brin (id)")
    sql("DELETE FROM scratch WHERE id % 20 <> 0")
    sql("SELECT pg_stat_force_next_flush()")
    yield "scratch"
    sql("DROP TABLE scratch")


@pytest.mark.django_db(transaction=True)
def test_what_is_dead_is_cleared_away_and_what_is_bloated_built_anew(scratch: str) -> None:
    before = {name: tables.size_of(name) for name in ("scratch_name", "scratch_pkey")}
    run = maintenance_run()
    assert run is not None
    assert (run.failed, run.finished_at is not None) == (0, True)
    done = [step["what"] for step in run.steps if "scratch" in step["what"]]
    assert done == [
        "VACUUM (ANALYZE) scratch",
        "REINDEX INDEX CONCURRENTLY scratch_brin",
        "REINDEX INDEX CONCURRENTLY public.scratch_pkey",
        "REINDEX INDEX CONCURRENTLY public.scratch_name",
    ]
    for name, size in before.items():
        assert tables.size_of(name) < size / 2
    assert list(MaintenanceRun.objects.all()) == [run]
    # What a table has dead may be told late; what was built anew is not built anew again.
    assert [need.relation for need in tables.bloated() if "scratch" in need.relation] == []


@pytest.mark.django_db(transaction=True)
def test_a_healthy_index_is_left_alone(scratch: str) -> None:
    sql("INSERT INTO scratch SELECT n, 'again ' || n FROM generate_series(30001, 60000) n")
    sql("REINDEX TABLE scratch")
    sql("VACUUM ANALYZE scratch")
    assert [need.relation for need in tables.bloated() if "scratch" in need.relation] == []


@pytest.mark.django_db(transaction=True)
def test_what_an_interrupted_reindex_left_is_dropped(scratch: str) -> None:
    sql("CREATE INDEX scratch_name_ccnew ON scratch (name)")
    sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'scratch_name_ccnew'::regclass")
    run = maintenance_run()
    assert run is not None
    assert "DROP INDEX CONCURRENTLY scratch_name_ccnew" in [step["what"] for step in run.steps]
    assert tables.size_of("scratch_name_ccnew") == 0


@pytest.mark.django_db(transaction=True)
def test_a_step_that_fails_is_told_and_stops_no_other(scratch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> str:
        raise RuntimeError("no room on the disk")

    monkeypatch.setattr(running, "first_steps", [("first", fails), ("second", lambda: "fine")])
    with clock.at(THREE):
        (job,) = run_due(only="maintenance")
    assert "1 of" in job.error
    run = MaintenanceRun.objects.get()
    assert run.failed == 1
    assert in_words(run.steps[0]).endswith("s RuntimeError: no room on the disk")
    assert in_words(run.steps[1]).endswith("s fine")
    assert any(step["what"] == "VACUUM (ANALYZE) scratch" and "error" not in step for step in run.steps)
    out = StringIO()
    with pytest.raises(CommandError, match="1 of"):
        call_command("maintenance", stdout=out)
    assert "first: " in out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_when_its_time_is_up_the_rest_is_left_for_the_next(scratch: str) -> None:
    run = maintenance_run(seconds=0)
    assert run is not None
    assert {step.get("error") for step in run.steps} == {"left for the next run: its time was up"}
    assert run.finished_at is not None


@pytest.mark.django_db(transaction=True)
def test_one_process_at_a_time(scratch: str) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with alone("maintenance") as mine:
            assert mine
            held.set()
            done.wait(timeout=20)
        connections.close_all()

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(timeout=20)
    try:
        assert maintenance_run() is None
        with pytest.raises(CommandError, match="Another process"):
            call_command("maintenance")
        assert MaintenanceRun.objects.count() == 0
    finally:
        done.set()
        other.join(timeout=20)
    assert maintenance_run() is not None


@pytest.mark.django_db
def test_it_is_due_once_in_four_weeks_in_its_hour() -> None:
    assert maintenance_is_due(THREE)
    assert not maintenance_is_due(THREE + timedelta(hours=1))
    site_update(changes={"maintenance_hour": 22}, actor="test")
    assert [maintenance_is_due(THREE.replace(hour=hour)) for hour in (3, 21, 22, 23)] == [False, False, True, False]
    MaintenanceRun.objects.create(started_at=THREE)  # it never ended
    assert maintenance_is_due(THREE.replace(hour=22))
    MaintenanceRun.objects.create(started_at=THREE, finished_at=THREE)
    assert not maintenance_is_due(THREE.replace(hour=22) + 27 * DAY)
    assert maintenance_is_due(THREE.replace(hour=22) + 28 * DAY)
    assert not maintenance_is_due(THREE + 34 * DAY)
    assert maintenance_is_due(THREE + 35 * DAY)  # in any hour


@pytest.mark.django_db
def test_staff_read_what_was_done(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    staff = Client()
    staff.force_login(User.objects.get(pk=alice.pk), backend="django.contrib.auth.backends.ModelBackend")
    steps = [{"what": "VACUUM (ANALYZE) x", "seconds": 1.25, "before": 2_000_000, "after": 1_000_000, "said": ""}]
    run = MaintenanceRun.objects.create(started_at=THREE, finished_at=THREE, steps=steps)
    page = staff.get(f"/admin/foundation/maintenancerun/{run.pk}/change/").content.decode()
    assert "VACUUM (ANALYZE) x: 1.2 s, 2,000,000 → 1,000,000 bytes" in page


# Texts of e-mails


@pytest.mark.django_db
def test_texts_that_were_sent_long_ago_are_deleted_and_keys_stay() -> None:
    ids = {}
    for name, status in (("old", "sent"), ("failed", "failed"), ("young", "sent")):
        message = send(to=["a@b.c"], subject=name, text="code 123", html="<b>123</b>", kind="test", key=name)
        assert message is not None
        OutboxMessage.objects.filter(pk=message.pk).update(
            status=status, sent_at=THREE + (5 * DAY if name == "young" else timedelta(0))
        )
        ids[name] = message.pk
    with clock.at(THREE + 91 * DAY):
        (job,) = run_due(only="outbox_texts")
    assert (job.items, job.error) == (1, "")
    texts = {row.subject: (row.text, row.html, row.emptied_at) for row in OutboxMessage.objects.all()}
    assert texts["old"] == ("", "", THREE + 91 * DAY)
    assert texts["failed"] == texts["young"] == ("code 123", "<b>123</b>", None)
    assert send(to=["a@b.c"], subject="old", text="again", kind="test", key="old") is None
    site_update(changes={"outbox_text_days": None}, actor="test")
    with clock.at(THREE + 999 * DAY):
        assert [job.items for job in run_due(only="outbox_texts")] == [0]


@pytest.mark.django_db
def test_sessions_that_have_expired_are_deleted(alice: User) -> None:
    for key, expires in (("a" * 32, THREE - DAY), ("b" * 32, datetime.now(UTC) + DAY)):
        Session.objects.create(session_key=key, session_data="", expire_date=expires)
    (job,) = run_due(only="expired_sessions")
    assert job.error == ""
    assert list(Session.objects.values_list("session_key", flat=True)) == ["b" * 32]


@pytest.mark.django_db(transaction=True)
def test_what_was_left_when_time_was_up_goes_on_the_next_day() -> None:
    run = maintenance_run(seconds=0)
    assert run is not None
    assert [step["error"] for step in run.steps] == [LEFT] * len(run.steps)
    site_update(changes={"maintenance_hour": run.started_at.hour}, actor="test")
    assert maintenance_is_due(run.started_at + timedelta(days=1))


def test_a_portal_that_sleeps_at_that_hour_is_maintained_in_another(db: None) -> None:
    installed = hostclock.present()
    at = [installed.replace(hour=9) + timedelta(days=days) for days in range(60)]
    assert [maintenance_is_due(when) for when in at][:30] == [False] * 30
    assert maintenance_is_due(at[-1])
