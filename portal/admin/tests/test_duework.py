"""The page of due work: how each periodic job stands, and the button that queues one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.foundation.due import registry, standing
from billing.foundation.due.models import DueJob
from billing.foundation.due.registry import due_job, run_due
from billing.foundation.due.standing import standings
from billing.foundation.due.tasks import run_due_task

pytestmark = pytest.mark.django_db
URL = "/admin/due-work/"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Two jobs, one of them broken, at noon; and the names of those for which a message went to the broker."""
    kept, sent = dict(registry._jobs), []
    registry._jobs.clear()

    @due_job("sweep", every=timedelta(minutes=5))
    def sweep(*, now: datetime, limit: int) -> int:
        """Sweep the floor.

        Twice.
        """
        return 3

    @due_job("broken", every=timedelta(hours=1))
    def broken(*, now: datetime, limit: int) -> int:
        raise ValueError("no ink")

    monkeypatch.setattr(run_due_task, "apply_async", lambda args, **_: sent.append(args[0]))
    with clock.at(NOON):
        yield sent
    registry._jobs.clear()
    registry._jobs.update(kept)


def client_of(person: User, *permissions: str) -> Client:
    User.objects.filter(pk=person.pk).update(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(User.objects.get(pk=person.pk), backend="django.contrib.auth.backends.ModelBackend")
    return client


def text_of(client: Client) -> str:
    page = client.get(URL)
    assert page.status_code == 200
    return " ".join(page.content.decode().split())


def test_every_job_with_its_last_run_and_its_next_one(alice: User, queued: list[str]) -> None:
    staff = client_of(alice, "view_duejob")
    first = text_of(staff)
    assert "2 jobs need a look" in first  # none has ever run
    assert first.count("never") == 2
    run_due()
    shown = text_of(staff)
    assert "1 job needs a look" in shown
    for expected in ("Sweep the floor.", "every 5 min", "1 Mar, 12:05:00", "1 Mar, 13:00:00", "ValueError: no ink"):
        assert expected in shown
    assert "Run now" not in shown
    by_name = {each.job.name: each for each in standings(NOON)}
    assert [each.job.name for each in standings(NOON)] == ["broken", "sweep"]
    row = by_name["sweep"].row
    assert (row.last_items, row.failures, by_name["sweep"].health) == (3, 0, "on time")
    assert row.last_seconds is not None
    assert (by_name["broken"].row.last_failed_at, by_name["broken"].health) == (NOON, "failing")
    later = {each.job.name: each.health for each in standings(NOON + timedelta(minutes=20))}
    assert later["sweep"] == "late"


def test_a_job_that_is_at_it_is_running(queued: list[str]) -> None:
    run_due(only="sweep")
    DueJob.objects.filter(name="sweep").update(last_started_at=NOON + timedelta(seconds=1))
    assert {each.job.name: each.health for each in standings(NOON)}["sweep"] == "running"


def test_run_now_queues_the_job_and_says_who_asked(alice: User, queued: list[str]) -> None:
    staff = client_of(alice, "view_duejob", "change_duejob")
    answer = staff.post(URL, {"job": "sweep"}, follow=True)
    assert "sweep is queued" in answer.content.decode()
    assert queued == ["sweep"]
    assert "queued by alice@example.com" in text_of(staff)
    assert AuditEntry.objects.get(action="due_job.asked").target == "sweep"
    with clock.at(NOON + timedelta(seconds=1)):
        run_due(only="sweep")
        assert "queued by" not in text_of(staff)
    assert staff.post(URL, {"job": "nonsense"}).status_code == 404


def test_without_a_broker_it_says_so(alice: User, queued: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise OSError("no broker")

    monkeypatch.setattr(standing.run_due_task, "apply_async", down)
    staff = client_of(alice, "view_duejob", "change_duejob")
    assert "was not queued" in staff.post(URL, {"job": "sweep"}, follow=True).content.decode()
    assert DueJob.objects.get(name="sweep").asked_at is None


def test_who_may(alice: User, bob: User, queued: list[str]) -> None:
    reader = client_of(alice, "view_duejob")
    assert reader.post(URL, {"job": "sweep"}).status_code == 403
    assert client_of(bob).get(URL).status_code == 403
    assert Client().get(URL).status_code == 302
    assert reader.put(URL).status_code == 405
    assert queued == []
