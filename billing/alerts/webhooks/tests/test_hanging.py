"""Receivers that hang: the others hear in time, and the worker is free again soon."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection

from accounts.models import Workspace
from billing.alerts.webhooks import delivery as delivering
from billing.alerts.webhooks import sending
from billing.alerts.webhooks.emitting import event_emit
from billing.alerts.webhooks.models import WebhookDelivery, WebhookEndpoint
from billing.alerts.webhooks.tests.conftest import Make, Receiver, answer, until
from billing.credits import clock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]
HANGS = 1.0  # seconds, after which an attempt is given up where a test waits for that


@pytest.fixture
def over(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The receiver takes requests, and answers none of them until it is over."""
    ended = threading.Event()
    receiver.usual = lambda request: (ended.wait(20), answer(204)(request))[1]
    monkeypatch.setattr(delivering, "LOOK_EVERY", 0.05)
    yield ended
    ended.set()


def known_to_hang(endpoint: Make, number: int, receiver: Receiver) -> None:
    """Endpoints whose attempts failed before; they would be the first in turn."""
    for _ in range(number):
        made = endpoint(url=receiver.url, event_types=["balance.low"])
        WebhookEndpoint.objects.filter(pk=made.pk).update(failures=3, failing_since=clock.now())


def test_many_that_hang_keep_no_other_waiting(
    workspace: Workspace, endpoint: Make, receiver: Receiver, other_receiver: Receiver, over: threading.Event
) -> None:
    known_to_hang(endpoint, 18, receiver)
    endpoint(url=other_receiver.url, event_types=["balance.recovered"])
    event_emit(workspace, "balance.low", "k", {})
    run = threading.Thread(target=lambda: (delivering.deliver(), connection.close()))
    run.start()
    until(lambda: len(receiver.requests) == delivering.FAILING_AT_ONCE)
    began = time.monotonic()
    for number in range(6):
        event_emit(workspace, "balance.recovered", f"k{number}", {})
        until(lambda number=number: len(other_receiver.requests) > number)
    assert time.monotonic() - began < 5, "six, one after the other"
    assert receiver.connections == delivering.FAILING_AT_ONCE, "all the while these hang, and no more are begun"
    over.set()
    run.join()
    assert WebhookDelivery.objects.filter(status="delivered").count() == 18 + 6


def test_a_run_ends_in_time_and_begins_nothing_late_of_those_that_hang(
    workspace: Workspace,
    endpoint: Make,
    receiver: Receiver,
    over: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending.post, "__kwdefaults__", {**sending.post.__kwdefaults__, "seconds": HANGS})
    monkeypatch.setattr(delivering, "FAILING_AT_MOST", HANGS / 2)
    known_to_hang(endpoint, 20, receiver)
    event_emit(workspace, "balance.low", "k", {})
    hinted: list[bool] = []
    monkeypatch.setattr(delivering, "hint", lambda: hinted.append(True))
    made = delivering.deliver_due()
    assert made == delivering.FAILING_AT_ONCE, "one round, and it is over"
    assert hinted == [True], "another worker goes on at once"
    waiting = WebhookDelivery.objects.filter(status="pending")
    assert waiting.filter(attempts=0).count() == 20 - made, "what was not begun is not spent"


def test_a_worker_that_has_nothing_left_asks_for_no_other(
    workspace: Workspace, endpoint: Make, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint()
    event_emit(workspace, "balance.low", "k", {})
    hinted: list[bool] = []
    monkeypatch.setattr(delivering, "hint", lambda: hinted.append(True))
    assert delivering.deliver_due() == 1
    assert hinted == []


def test_a_run_is_long_enough_for_an_attempt_of_those_that_fail() -> None:
    assert delivering.FAILING_AT_MOST > 0
    assert delivering.FAILING_AT_MOST + sending.TOTAL_SECONDS <= delivering.AT_MOST
