"""Each part, well and unwell: what is said, and what to do about it."""

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError, connection

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation import hostclock
from billing.foundation.due.models import DueJob
from billing.foundation.due.registry import jobs, run_due
from billing.foundation.outbox.models import OutboxMessage
from billing.gateway.endpoint import connect
from billing.ledger.models import Lot
from billing.ledger.services import credits_grant
from portal.doctor import examine, inside, outside, services
from portal.doctor.findings import Examination, Finding
from portal.testing.simulated import SimulatedStripe


def states(examination: Examination) -> dict[str, str]:
    return {finding.part: finding.state for finding in examination()}


def only(examination: Examination) -> Finding:
    (finding,) = examination()
    return finding


def run_all(*arguments: str) -> tuple[str, int]:
    """What the command says, and its exit status."""
    out = io.StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as left:
        return out.getvalue(), int(left.code or 0)
    return out.getvalue(), 0


@pytest.fixture
def nobody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker takes a job, and nobody waits long for one."""
    monkeypatch.setattr(services, "WORKER_PATIENCE", 0.2)
    monkeypatch.setattr(services.run_due_task, "apply_async", lambda *_args, **_more: None)


def test_database_migrations_clock_cache(db: None) -> None:
    for examination in (services.database, services.migrations, services.this_clock, services.this_cache):
        assert only(examination).state == "ok"
    assert only(services.connections).state in ("ok", "note")


def test_without_a_database_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused\nIs the server running?")

    with monkeypatch.context() as gone:
        gone.setattr(connection, "cursor", refuse)
        found = list(examine.examine())
    assert [(each.part, each.state) for each in found] == [("database", "wrong")]
    assert "connection refused" in found[0].found
    assert found[0].fix


def test_an_examination_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    def broken() -> Iterator[Finding]:
        raise RuntimeError("out of paper")
        yield

    def fine() -> Iterator[Finding]:
        yield Finding("fine", "ok", "all right")

    monkeypatch.setattr(examine, "REST", (broken, fine))
    found = [each for each in examine.examine() if each.part in ("broken", "fine")]
    assert [each.state for each in found] == ["wrong", "ok"]
    assert "RuntimeError: out of paper" in found[0].found


def test_a_clock_that_runs_ahead(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr(hostclock, "database", lambda: clock.now() - timedelta(minutes=3))
    finding = only(services.this_clock)
    assert finding.state == "wrong"
    assert "180.0 s ahead of the database's" in finding.found


def test_the_cache_of_a_redis_that_is_not_there(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": settings.REDIS_URL}
    }
    finding = only(services.this_cache)
    assert finding.state == "wrong"
    assert "REDIS_URL" in finding.fix


def test_a_broker_that_is_not_there(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:9/0"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {}
    finding = only(services.broker)
    assert finding.state == "wrong"
    assert "CELERY_BROKER_URL cannot be reached" in finding.found


def test_neither_worker_nor_beat(db: None, nobody_works: None) -> None:
    assert states(services.worker_and_beat) == {"beat": "wrong", "worker": "wrong"}


def test_a_worker_without_beat(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    fastest = min(jobs(), key=lambda job: job.every)
    DueJob.objects.create(name=fastest.name, last_started_at=clock.now() - timedelta(hours=1))

    def take(_arguments: object, **_more: object) -> None:
        DueJob.objects.filter(name=fastest.name).update(last_started_at=hostclock.database())

    monkeypatch.setattr(services.run_due_task, "apply_async", take)
    assert states(services.worker_and_beat) == {"beat": "wrong", "worker": "ok"}


def test_beat_without_a_worker_that_takes_more(db: None, nobody_works: None) -> None:
    fastest = min(jobs(), key=lambda job: job.every)
    DueJob.objects.create(name=fastest.name, last_started_at=clock.now())
    assert states(services.worker_and_beat) == {"beat": "ok", "worker": "wrong"}


def test_the_address_of_the_site(live_server: Any, settings: Any) -> None:
    settings.SITE_URL = live_server.url
    assert only(outside.address).state == "ok"
    settings.SITE_URL = "http://127.0.0.1:9"
    assert only(outside.address).state == "wrong"


def test_an_address_of_somebody_else_without_tls(live_server: Any, settings: Any) -> None:
    settings.SITE_URL = f"{live_server.url}/nowhere".replace("localhost", "127.0.0.1")
    assert only(outside.address).found.endswith("answers 404")


def test_mail(settings: Any) -> None:
    settings.EMAIL_URL, settings.DEMO = "", True
    assert only(outside.mail).state == "note"
    settings.DEMO = False
    assert only(outside.mail).state == "wrong"
    settings.EMAIL_URL = "smtp://127.0.0.1:9"
    finding = only(outside.mail)
    assert finding.state == "wrong"
    assert "does not let us in" in finding.found
    settings.EMAIL_URL = "http://example.com"
    assert only(outside.mail).state == "wrong"


def test_payments_that_are_connected(db: None, simulated: SimulatedStripe) -> None:
    connect()
    assert states(outside.payments) == {"Stripe": "note", "Stripe's webhooks": "ok", "Stripe's events": "ok"}


def test_payments_without_an_endpoint(db: None, simulated: SimulatedStripe) -> None:
    found = {finding.part: finding for finding in outside.payments()}
    assert found["Stripe's webhooks"].state == "wrong"
    assert "stripe_connect" in found["Stripe's webhooks"].fix


def test_a_stripe_that_does_not_answer(db: None, simulated: SimulatedStripe) -> None:
    simulated.stop()
    assert states(outside.payments) == {"Stripe": "wrong"}


def test_no_key_for_stripe(settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = ""
    assert only(outside.payments).state == "note"


def test_the_webhook_address_refuses_what_is_not_signed(
    transactional_db: None, live_server: Any, simulated: SimulatedStripe, settings: Any
) -> None:
    settings.STRIPE_WEBHOOK_BASE = live_server.url
    assert only(outside.webhook_address).state == "ok"
    settings.STRIPE_WEBHOOK_BASE = f"{live_server.url}/elsewhere"
    finding = only(outside.webhook_address)
    assert finding.state == "wrong"
    assert "answers 404 instead of 400" in finding.found
    settings.STRIPE_WEBHOOK_BASE = "http://127.0.0.1:9"
    assert only(outside.webhook_address).state == "wrong"


def test_due_work_that_fails(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for job in jobs():
        DueJob.objects.create(name=job.name, last_started_at=clock.now(), last_finished_at=clock.now())
    assert only(inside.due_work).state == "ok"
    DueJob.objects.filter(name=jobs()[0].name).update(failures=3, last_error="ValueError: no\nmore")
    finding = only(inside.due_work)
    assert (finding.state, finding.found) == ("wrong", f"{jobs()[0].name}: ValueError: no")


def test_due_work_that_is_late(db: None) -> None:
    finding = only(inside.due_work)
    assert finding.state == "wrong"
    assert f"and {len(jobs()) - 3} more" in finding.found


def test_an_address_without_tls(db: None, settings: Any) -> None:
    settings.DEMO = False
    assert settings.SITE_URL.startswith("http:")
    found = [finding.found for finding in inside.deployment() if finding.part == "settings"]
    assert "is not encrypted" in found[0]
    assert not any("SECURE" in words for words in found)


def test_books_that_add_up_and_books_that_do_not(db: None, workspace: Workspace) -> None:
    credits_grant(workspace_id=workspace.pk, key="k", amount=5 * NANO, label="Gift")
    assert only(inside.ledger).state == "ok"
    Lot.objects.filter(workspace=workspace).update(remaining=4 * NANO)
    found = states(inside.ledger)
    assert found == {"trial balance": "wrong"}


def test_messages_that_cannot_be_sent(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    assert only(inside.messages).state == "ok"
    OutboxMessage.objects.create(
        kind="test", key="1", to=["a@example.com"], sender="b@example.com", subject="s", status="failed"
    )
    assert states(inside.messages) == {"outbox": "wrong"}


def test_the_command_says_it_in_words_and_in_json(db: None, nobody_works: None) -> None:
    run_due(only=jobs()[0].name)
    text, status = run_all()
    assert status == 1
    assert "ok    database" in text
    assert "FAIL  worker" in text
    assert "to put right." in text
    told, status = run_all("--json")
    assert status == 1
    assert {each["part"] for each in json.loads(told)} >= {"database", "worker", "ledger", "settings"}


def test_nothing_is_checked_before_it_runs() -> None:
    with pytest.raises(CommandError):
        call_command("doctor", "--unknown")
