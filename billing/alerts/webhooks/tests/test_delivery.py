"""From an event to its receiver: once when all goes well, again when it does not, and never by two at a time."""

import json
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from standardwebhooks import Webhook

from accounts.errors import Refused
from accounts.models import User, Workspace
from billing.alerts.webhooks import delivery as delivering
from billing.alerts.webhooks.claiming import CLAIM, claim, give_up, keep
from billing.alerts.webhooks.delivery import attempt, deliver
from billing.alerts.webhooks.emitting import GIVE_UP, event_emit
from billing.alerts.webhooks.endpoints import (
    delivery_resend,
    endpoint_change,
    endpoint_create,
    endpoint_delete,
    secret_rotate,
)
from billing.alerts.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEvent
from billing.alerts.webhooks.schedule import MOST_QUIET, OFF_AFTER, WAITS, next_try, quiet
from billing.alerts.webhooks.tests.conftest import NOW, Make, Receiver, answer, deliver_at, emit, secret_of, until
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.foundation.outbox.models import OutboxMessage

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon() -> Any:
    with clock.at(NOW):
        yield


def fresh(row: WebhookDelivery) -> WebhookDelivery:
    return WebhookDelivery.objects.get(pk=row.pk)


def test_an_event_arrives_signed_and_as_documented(workspace: Workspace, endpoint: Make, receiver: Receiver) -> None:
    made = endpoint()
    sent = emit(workspace)
    assert deliver() == 1
    (request,) = receiver.requests
    assert request.id == sent.event.public_id
    body = Webhook(secret_of(made)).verify(request.body, request.headers)
    assert body == {
        "type": "balance.low",
        "timestamp": "2026-03-10T12:30:00Z",
        "data": {"workspace": {"id": workspace.public_id, "external_id": None}, "state": "low"},
    }
    row = fresh(sent)
    assert (row.status, row.attempts, row.delivered_at) == ("delivered", 1, NOW)
    made.refresh_from_db()
    assert (made.busy_until, made.failures) == (None, 0)
    assert deliver() == 0


def test_what_fails_is_sent_again_with_the_same_id_and_bytes(
    workspace: Workspace, endpoint: Make, receiver: Receiver
) -> None:
    endpoint()
    sent = emit(workspace)
    receiver.script = [answer(500, b"broken"), answer(503)]
    deliver()
    row = fresh(sent)
    assert (row.status, row.next_attempt_at) == ("pending", NOW + 5 * SECOND)
    assert deliver_at(NOW + 4 * SECOND) == 0
    assert deliver_at(NOW + 5 * SECOND) == 1
    assert fresh(sent).next_attempt_at == NOW + 5 * SECOND + timedelta(minutes=5)
    assert deliver_at(NOW + 10 * 60 * SECOND) == 1
    assert fresh(sent).status == "delivered"
    assert len(receiver.requests) == 3
    assert len({(each.id, each.body) for each in receiver.requests}) == 1
    told = WebhookAttempt.objects.filter(delivery=sent).order_by("number")
    assert [(each.number, each.status_code, each.error) for each in told] == [
        (1, 500, "answered 500"),
        (2, 503, "answered 503"),
        (3, 204, ""),
    ]
    assert told[0].response == "broken"


def test_after_three_days_it_has_failed(workspace: Workspace, endpoint: Make, receiver: Receiver) -> None:
    endpoint()
    sent = emit(workspace)
    receiver.usual = answer(500)
    at = NOW
    for _ in range(len(WAITS) + 1):
        assert deliver_at(at) == 1
        at = fresh(sent).next_attempt_at or at
    assert fresh(sent).status == "failed"
    assert at - NOW == sum(WAITS, timedelta(0)) == timedelta(hours=75, minutes=35, seconds=5)
    assert deliver_at(at + 30 * DAY) == 0


def test_the_schedule_and_the_quiet_are_bounded() -> None:
    assert next_try(len(WAITS), NOW) == NOW + WAITS[-1]
    assert next_try(len(WAITS) + 1, NOW) is None
    assert sum(WAITS, timedelta(0)) < GIVE_UP
    assert quiet(1) == timedelta(seconds=2)
    assert quiet(10_000) == MOST_QUIET


def test_a_redirect_to_this_machine_is_not_followed(
    workspace: Workspace, endpoint: Make, receiver: Receiver, other_receiver: Receiver
) -> None:
    endpoint()
    sent = emit(workspace)
    receiver.usual = answer(302, Location=other_receiver.url)
    deliver()
    assert other_receiver.connections == 0
    assert sent.made.get().error == "answered 302: redirects are not followed"


def test_a_private_address_is_refused_at_the_attempt(
    workspace: Workspace, endpoint: Make, receiver: Receiver, settings: Any
) -> None:
    endpoint()  # it was allowed when it was made
    settings.WEBHOOK_ALLOW_NETWORKS_FOR_CUSTOMERS = []
    sent = emit(workspace)
    deliver()
    assert receiver.connections == 0
    error = sent.made.get().error
    assert "is not a public address" in error
    assert "leads to 127." not in error, "what a name leads to in our network is nobody's business"


def test_what_is_open_to_the_operator_is_not_open_to_customers(
    workspace: Workspace, alice: User, endpoint: Make, receiver: Receiver, settings: Any
) -> None:
    customers = endpoint()
    settings.WEBHOOK_ALLOW_NETWORKS_FOR_CUSTOMERS = []
    settings.WEBHOOK_ALLOW_NETWORKS = ["127.0.0.0/8"]
    with pytest.raises(Refused, match="not a public address"):
        endpoint_change(endpoint=customers, url=receiver.url, event_types=["balance.low"], description="", by=alice)
    own = endpoint(workspace=None)
    event = event_emit(workspace, "balance.low", "k1", {"state": "low"})
    assert event is not None
    deliver()
    assert receiver.connections == 1
    sent = {each.endpoint_id: each for each in event.deliveries.all()}
    assert sent[own.pk].status == "delivered"
    assert "is not a public address" in sent[customers.pk].made.get().error


def test_a_slow_receiver_holds_up_nobody(
    workspace: Workspace, endpoint: Make, receiver: Receiver, other_receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    receiver.usual = lambda request: (release.wait(5), answer(204)(request))[1]
    monkeypatch.setattr(delivering, "LOOK_EVERY", 0.02)
    endpoint()
    endpoint(url=other_receiver.url)
    for number in range(5):
        assert event_emit(workspace, "balance.low", f"k{number}", {}) is not None
    waiting = threading.Thread(target=lambda: (until(lambda: len(other_receiver.requests) == 5), release.set()))
    waiting.start()
    assert deliver() == 10
    waiting.join()
    assert release.is_set()
    assert len(receiver.requests) == 5


def test_what_is_new_while_others_are_under_way_is_sent_too(
    workspace: Workspace, endpoint: Make, receiver: Receiver, other_receiver: Receiver
) -> None:
    endpoint(event_types=["balance.low"])
    endpoint(url=other_receiver.url, event_types=["balance.recovered"])
    emit(workspace)
    receiver.usual = lambda request: (time.sleep(0.7), answer(204)(request))[1]
    emit(workspace, key="k2", type="balance.recovered")
    assert deliver() == 2
    assert len(other_receiver.requests) == 1


def test_killed_between_sending_and_recording_it_is_sent_again_with_the_same_id(
    workspace: Workspace, endpoint: Make, receiver: Receiver
) -> None:
    endpoint()
    sent = emit(workspace)
    (claimed,) = claim(now=NOW, limit=10)
    assert attempt(claimed).accepted  # and here the process dies
    assert deliver_at(NOW + CLAIM - SECOND) == 0
    assert deliver_at(NOW + CLAIM) == 1
    first, second = receiver.requests
    assert (first.id, first.body) == (second.id, second.body)
    assert fresh(sent).status == "delivered"
    assert [each.milliseconds is None for each in sent.made.order_by("number")] == [True, False]


def test_an_answer_that_comes_after_all_still_counts(workspace: Workspace, endpoint: Make, receiver: Receiver) -> None:
    endpoint()
    sent = emit(workspace)
    (claimed,) = claim(now=NOW, limit=10)
    found = attempt(claimed)
    (again,) = claim(now=NOW + CLAIM, limit=10)
    keep(claimed, found, now=NOW + CLAIM)
    assert fresh(sent).status == "delivered"
    receiver.usual = answer(500)
    keep(again, attempt(again), now=NOW + CLAIM)
    assert fresh(sent).status == "delivered"


def test_what_is_deleted_meanwhile_leaves_nothing(
    workspace: Workspace, endpoint: Make, alice: User, receiver: Receiver
) -> None:
    made = endpoint()
    emit(workspace)
    (claimed,) = claim(now=NOW, limit=10)
    endpoint_delete(endpoint=made, by=alice)
    keep(claimed, attempt(claimed), now=NOW)
    assert WebhookDelivery.objects.count() == WebhookAttempt.objects.count() == 0


def test_during_a_rotation_both_secrets_verify_and_then_only_the_new_one(
    workspace: Workspace, endpoint: Make, alice: User, receiver: Receiver
) -> None:
    made = endpoint()
    former = secret_of(made)
    new = secret_rotate(endpoint=made, by=alice)
    emit(workspace)
    deliver()
    emit(workspace, key="k2")
    deliver_at(NOW + 24 * HOUR)
    during, after = receiver.requests
    assert during.headers["webhook-signature"].count("v1,") == 2
    for secret in (former, new):
        Webhook(secret).verify(during.body, during.headers)
    assert after.headers["webhook-signature"].count("v1,") == 1
    Webhook(new).verify(after.body, after.headers)


def test_a_secret_that_cannot_be_read_is_said_and_keeps_no_other_waiting(
    workspace: Workspace, endpoint: Make, receiver: Receiver, other_receiver: Receiver, settings: Any
) -> None:
    lost = endpoint()
    settings.SECRET_KEY = "another one"
    endpoint(url=other_receiver.url)
    assert event_emit(workspace, "balance.low", "k", {}) is not None
    assert deliver() == 2
    assert (len(receiver.requests), len(other_receiver.requests)) == (0, 1)
    assert "rotate it" in WebhookAttempt.objects.get(delivery__endpoint=lost).error


def test_nothing_but_failures_for_days_switches_it_off_with_one_message(
    workspace: Workspace, endpoint: Make, receiver: Receiver
) -> None:
    made = endpoint()
    receiver.usual = answer(500)
    for day in range(8):
        with clock.at(NOW + day * DAY):
            event_emit(workspace, "balance.low", f"k{day}", {})
            deliver()
    made.refresh_from_db()
    assert (made.off, made.off_at) == ("failing", NOW + OFF_AFTER)
    attempts = WebhookAttempt.objects.count()
    assert deliver_at(NOW + 9 * DAY) == 0
    (message,) = OutboxMessage.objects.filter(kind="webhooks.off")
    assert message.to == ["alice@example.com"]  # bob may only look
    assert "For five days every attempt to deliver an event has failed. The last one: answered 500" in message.text
    assert f"/w/{workspace.public_id}/webhooks/{made.public_id}/" in message.text
    assert AuditEntry.objects.filter(action="webhook_endpoint.switched_off").count() == 1
    assert WebhookAttempt.objects.count() == attempts
    assert give_up(now=NOW + 20 * DAY, limit=100) > 0
    assert not WebhookDelivery.objects.filter(status="pending").exists()


def test_one_success_begins_the_days_anew(workspace: Workspace, endpoint: Make, receiver: Receiver) -> None:
    made = endpoint()
    receiver.script = [answer(500), answer(204)]
    receiver.usual = answer(500)
    for day in (0, 4, 6):
        with clock.at(NOW + day * DAY):
            event_emit(workspace, "balance.low", f"k{day}", {})
            deliver()
            WebhookDelivery.objects.filter(status="pending").delete()
    made.refresh_from_db()
    assert (made.off, made.failing_since, made.failures) == ("", NOW + 6 * DAY, 1)


def test_who_answers_410_hears_no_more(workspace: Workspace, endpoint: Make, receiver: Receiver) -> None:
    made = endpoint()
    receiver.usual = answer(410)
    emit(workspace)
    deliver()
    made.refresh_from_db()
    assert made.off == "gone"
    assert event_emit(workspace, "balance.low", "k2", {}) is not None
    assert WebhookDelivery.objects.count() == 1
    (message,) = OutboxMessage.objects.filter(kind="webhooks.off")
    assert "answered 410" in message.text


def test_what_is_sent_again_has_the_same_id_and_the_whole_schedule(
    workspace: Workspace, endpoint: Make, alice: User, receiver: Receiver
) -> None:
    endpoint()
    sent = emit(workspace)
    deliver()
    delivery_resend(delivery=fresh(sent), by=alice)
    row = fresh(sent)
    assert (row.status, row.tries, row.delivered_at, row.attempts) == ("pending", 0, None, 1)
    deliver()
    assert [each.id for each in receiver.requests] == [sent.event.public_id] * 2
    assert (fresh(sent).status, fresh(sent).attempts) == ("delivered", 2)


def test_an_event_is_recorded_once_by_its_key(workspace: Workspace, endpoint: Make) -> None:
    endpoint()
    assert event_emit(workspace, "balance.low", "k", {}) is not None
    assert event_emit(workspace, "balance.low", "k", {}) is None
    assert (WebhookEvent.objects.count(), WebhookDelivery.objects.count()) == (1, 1)
    other = Workspace.objects.create(name="Other")
    assert event_emit(other, "balance.low", "k", {}) is not None
    assert WebhookDelivery.objects.count() == 1
    with pytest.raises(LookupError):
        event_emit(workspace, "balance.unheard", "k3", {})


def test_the_operators_endpoint_hears_of_all_workspaces(
    workspace: Workspace, alice: User, receiver: Receiver, opened: None
) -> None:
    endpoint_create(workspace=None, url=receiver.url, event_types=["balance.low"], by=alice)
    other = Workspace.objects.create(name="Other", external_id="cust-7")
    emit(workspace)
    emit(other)
    assert event_emit(workspace, "balance.recovered", "k9", {}) is not None
    assert deliver() == 2
    said = [json.loads(each.body)["data"]["workspace"] for each in receiver.requests]
    assert {each["id"] for each in said} == {workspace.public_id, other.public_id}
    assert "cust-7" in [each["external_id"] for each in said]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_it_once(workspace: Workspace, endpoint: Make, receiver: Receiver) -> None:
    endpoint()
    for number in range(10):
        event_emit(workspace, "balance.low", f"k{number}", {})
    start, made = threading.Barrier(2), []

    def work() -> None:
        try:
            start.wait()
            with clock.at(NOW):
                made.append(deliver())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.requests) == len({each.id for each in receiver.requests}) == 10
    assert sum(made) == 10
    assert WebhookDelivery.objects.filter(status="delivered").count() == 10


@pytest.mark.django_db(transaction=True)
def test_a_process_that_finds_another_at_it_leaves_it_alone(
    workspace: Workspace, endpoint: Make, receiver: Receiver
) -> None:
    endpoint()
    emit(workspace)
    held, done = threading.Event(), threading.Event()
    receiver.usual = lambda request: (held.set(), done.wait(5), answer(204)(request))[2]
    found: list[int] = []

    def work() -> None:
        try:
            with clock.at(NOW):
                found.append(delivering.deliver_due())
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(5)
    assert delivering.deliver_due() == 0
    done.set()
    thread.join()
    assert found == [1]


@pytest.mark.django_db(transaction=True)
def test_an_event_of_a_transaction_that_is_undone_was_none(workspace: Workspace, endpoint: Make) -> None:
    endpoint()
    with transaction.atomic():
        emit(workspace)
        transaction.set_rollback(True)
    assert WebhookEvent.objects.count() == WebhookDelivery.objects.count() == 0
