"""Credits given by the operator's backend."""

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts.models import ApiKey, Workspace
from billing.api.tests.conftest import Answer, Api, key_of, usage_event
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.ledger.models import Operation
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant

BODY: dict[str, Any] = {"credits": 500, "reason": "Goodwill for the outage"}


@pytest.fixture
def operator(funded: Workspace) -> Api:
    Workspace.objects.update(external_id="crm-17")
    return Api(key_of(None))


def give(operator: Api, key: str = "g-1", **changes: Any) -> Answer:
    headers = {"Idempotency-Key": key} if key else {}
    return operator.post("/api/v1/workspaces/crm-17/grants", BODY | changes, **headers)


def test_a_grant_is_a_lot_of_its_own_and_can_be_spent(operator: Api, funded: Workspace) -> None:
    until = clock.now() + timedelta(days=30)
    answer = give(operator, credits="500.000000001", expires_at=until.isoformat(), label="From Acme")
    assert answer.status == 201
    lot = answer.json["lot"]
    assert (lot["amount"], lot["amount_nano"]) == (Decimal("500.000000001"), "500000000001")
    assert (lot["label"], lot["source"]) == ("From Acme", "promotion")
    assert lot["expires_at"].replace("Z", "+00:00") == until.isoformat()
    assert (answer.json["balance"], answer.json["repaid"]) == (Decimal("12904.000000001"), 0)
    shown = Api(operator.key, **{"Purser-Workspace": "crm-17"}).get("/api/v1/credits/lots").json["data"]
    assert lot["id"] in [row["id"] for row in shown]
    assert balance(funded.pk).available == 12_904 * NANO + 1


def test_without_the_header_nothing_is_given(operator: Api, funded: Workspace) -> None:
    answer = give(operator, key="")
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["errors"][0]["parameter"] == "Idempotency-Key"
    assert "gives nothing twice" in answer.json["detail"]
    assert balance(funded.pk).available == 12_404 * NANO


def test_the_same_again_is_answered_as_the_first_time(operator: Api, funded: Workspace) -> None:
    until = (clock.now() + timedelta(days=1)).isoformat()
    first = give(operator, expires_at=until)
    give(operator, key="g-2")
    service = Api(operator.key, **{"Purser-Workspace": "crm-17"})
    assert service.post("/api/v1/usage", usage_event()).status == 201
    again = give(operator, expires_at=until)
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.json == first.json
    assert balance(funded.pk).available == 13_404 * NANO - 72_000_000
    assert AuditEntry.objects.filter(action="credits.given").count() == 2


@pytest.mark.parametrize(
    "change", [{"credits": 501}, {"reason": "Another"}, {"label": "Other"}, {"expires_at": "2099-01-01T00:00:00Z"}]
)
def test_the_same_key_with_another_body_is_a_conflict(operator: Api, funded: Workspace, change: dict[str, Any]) -> None:
    give(operator)
    answer = give(operator, **change)
    assert (answer.status, answer.json["code"]) == (409, "idempotency_conflict")
    assert balance(funded.pk).available == 12_904 * NANO


def test_keys_of_two_workspaces_and_of_our_own_never_meet(operator: Api, funded: Workspace) -> None:
    credits_grant(workspace_id=funded.pk, key="g-1", amount=1, label="by hand")
    other = Workspace.objects.create(name="Other", external_id="crm-18")
    assert give(operator).status == 201
    answer = operator.post("/api/v1/workspaces/crm-18/grants", BODY, **{"Idempotency-Key": "g-1"})
    assert (answer.status, answer.json["balance"]) == (201, 500)
    assert "Idempotent-Replay" not in answer.headers
    assert set(Operation.objects.filter(key="g-1").values_list("workspace", "namespace")) == {
        (funded.pk, "operator"),
        (funded.pk, "api:service"),
        (other.pk, "api:service"),
    }


def test_debt_is_repaid_first_and_that_is_said(operator: Api) -> None:
    Workspace.objects.create(name="Other", external_id="crm-18")
    service = Api(operator.key, **{"Purser-Workspace": "crm-18"})
    service.post("/api/v1/usage", usage_event())
    answer = operator.post("/api/v1/workspaces/crm-18/grants", BODY | {"credits": 1}, **{"Idempotency-Key": "g"})
    assert (answer.json["repaid"], answer.json["balance"]) == (Decimal("0.072"), Decimal("0.928"))


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"credits": 0}, 400, "/credits"),
        ({"credits": -5}, 400, "/credits"),
        ({"credits": "many"}, 400, "/credits"),
        ({"credits": None}, 400, "/credits"),
        ({"credits": True}, 400, "/credits"),
        ({"credits": "0.0000000001"}, 400, "/credits"),
        ({"credits": 10**12}, 422, None),
        ({"reason": " "}, 400, "/reason"),
        ({"reason": None}, 400, "/reason"),
        ({"reason": "x" * 501}, 400, "/reason"),
        ({"label": ""}, 400, "/label"),
        ({"expires_at": "tomorrow"}, 400, "/expires_at"),
        ({"expires_at": 5}, 400, "/expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 400, "/expires_at"),
        ({"source": "bought"}, 400, "/source"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_given(
    operator: Api, funded: Workspace, change: dict[str, Any], status: int, pointer: str | None
) -> None:
    answer = give(operator, **change)
    assert answer.status == status, answer.json
    if pointer is not None:
        assert answer.json["errors"][0]["pointer"] == pointer
    assert balance(funded.pk).available == 12_404 * NANO
    assert not AuditEntry.objects.filter(action="credits.given").exists()


def test_the_audit_and_the_ledger_say_who_and_why(operator: Api, funded: Workspace) -> None:
    give(operator)
    who = f"service key {ApiKey.objects.get(kind='service').prefix}…"
    entry = AuditEntry.objects.get(action="credits.given")
    assert (entry.actor_label, entry.workspace, entry.reason) == (who, funded, BODY["reason"])
    operation = Operation.objects.get(namespace="api:service")
    assert (operation.actor, operation.reason, operation.kind) == (who, BODY["reason"], "grant.operator")


def test_an_unknown_workspace_gets_nothing(operator: Api) -> None:
    answer = operator.post("/api/v1/workspaces/nobody/grants", BODY, **{"Idempotency-Key": "g"})
    assert (answer.status, answer.json["code"]) == (404, "not_found")


@pytest.mark.django_db(transaction=True)
def test_many_at_the_same_moment_give_once(operator: Api, funded: Workspace) -> None:
    answers: list[Answer] = []
    start = threading.Barrier(6)

    def ask() -> None:
        start.wait()
        answers.append(give(Api(operator.key)))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [201] * 6
    assert sum("Idempotent-Replay" not in answer.headers for answer in answers) == 1
    assert balance(funded.pk).available == 12_904 * NANO
    assert AuditEntry.objects.filter(action="credits.given").count() == 1
