"""Usage alerts over the API."""

import threading
from typing import Any

import pytest
from django.db import connection

from accounts.models import Workspace
from billing.alerts.usage.models import AlertsAnswer
from billing.api.tests.conftest import Api
from billing.api.tests.test_openapi import check
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust
from billing.overview.alertforms import AlertsForm

pytestmark = pytest.mark.django_db
PATH = "/api/v1/alerts/settings"


def test_read_changed_and_read_again(customer: Api, workspace: Workspace) -> None:
    found = customer.get(PATH)
    check(found, PATH, "get")
    assert found.json["percents"] == [50, 75, 90, 100]
    assert (found.json["low_credits"], found.json["low_days"], found.json["month_limit"]) == (None, None, None)
    body = {"percents": [90, 50], "low_credits": 20, "month_usd": "12.50"}
    changed = customer.post(PATH, body)
    check(changed, PATH, "post")
    assert changed.json["percents"] == [50, 90]
    assert (changed.json["low_credits"], changed.json["low_credits_nano"]) == (20, str(20 * NANO))
    assert changed.json["month_limit"] == {"amount": 1_250, "currency": "usd"}
    assert changed.json["low_below"] == 20
    again = customer.post(PATH, body)
    assert again.json == changed.json
    assert AuditEntry.objects.filter(action="alerts.changed").count() == 1
    away = customer.post(PATH, {"low_credits": None, "low_days": 5})
    assert (away.json["low_credits"], away.json["low_days"], away.json["percents"]) == (None, 5, [50, 90])


def test_a_repeat_is_answered_as_the_first_time(customer: Api, workspace: Workspace) -> None:
    body, named = {"low_credits": 20}, {"Idempotency-Key": "k1"}
    first = customer.post(PATH, body, **named)
    check(first, PATH, "post")
    assert "Idempotent-Replay" not in first.headers
    customer.post(PATH, {"low_credits": 30})
    again = customer.post(PATH, body, **named)
    check(again, PATH, "post")
    assert (again.json, again.headers["Idempotent-Replay"]) == (first.json, "true")
    assert customer.get(PATH).json["low_credits"] == 30, "it is not done again"
    other = customer.post(PATH, {"low_credits": 40}, **named)
    check(other, PATH, "post")
    assert (other.status, other.json["code"]) == (409, "idempotency_conflict")
    assert customer.post(PATH, {"low_days": 0}, **{"Idempotency-Key": "k2"}).status in (400, 422)
    assert AlertsAnswer.objects.count() == 1, "only successes are remembered"


@pytest.mark.django_db(transaction=True)
def test_the_same_key_twice_at_once_is_done_once(customer: Api, workspace: Workspace) -> None:
    start, answers = threading.Barrier(4), list[Any]()

    def change() -> None:
        try:
            start.wait()
            answers.append(customer.post(PATH, {"low_credits": 20}, **{"Idempotency-Key": "k1"}))
        finally:
            connection.close()

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.status for each in answers] == [200] * 4
    assert [each.headers.get("Idempotent-Replay") for each in answers].count("true") == 3
    assert len({str(each.json) for each in answers}) == 1
    assert (AlertsAnswer.objects.count(), AuditEntry.objects.filter(action="alerts.changed").count()) == (1, 1)


@pytest.mark.parametrize(("month", "status"), [("0.01", 200), (1_000_000, 200), ("1000000.01", 400), (0, 400)])
def test_the_bounds_of_a_month_are_those_of_the_page(customer: Api, month: object, status: int) -> None:
    answered = customer.post(PATH, {"month_usd": month})
    check(answered, PATH, "post")
    assert answered.status == status
    form = AlertsForm({"month_cents": str(month)})
    assert form.is_valid() == (status == 200), form.errors


def test_what_was_told(customer: Api, workspace: Workspace, django_capture_on_commit_callbacks: Any) -> None:
    customer.post(PATH, {"low_credits": 20})
    most = balance(workspace.pk).available - 5 * NANO
    with django_capture_on_commit_callbacks(execute=True):
        credits_adjust(workspace_id=workspace.pk, key="s", amount=-most, reason="test", actor="test")
    [told] = [row for row in customer.get(PATH).json["told"] if row["alert"] == "low"]
    assert told["mailed_at"] is not None
    assert "below" in told["text"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"percents": [60]}, "/percents/0"), ({"low_credits": 0}, "/low_credits"), ({"low_days": 0}, "/low_days")],
)
def test_what_makes_no_sense(customer: Api, body: Any, pointer: str) -> None:
    refused = customer.post(PATH, body)
    check(refused, PATH, "post")
    assert refused.status in (400, 422)
    assert pointer in [each["pointer"] for each in refused.json["errors"]]
