"""What the API says when a budget has too little left, or a key is paused."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.api.tests.conftest import Api
from billing.credits.units import NANO
from billing.foundation.site.services import site_update
from billing.ledger.models import Wallet
from billing.usage.budgets.services import budget_create

AUTHORIZE, ESTIMATE, USAGE = "/api/v1/usage/authorize", "/api/v1/usage/estimate", "/api/v1/usage"


def messages(count: int, **fields: Any) -> dict[str, Any]:
    return {"usage": {"messages": count}, **fields}


@pytest.fixture
def ten(funded: Workspace, alice: User) -> None:
    """Ten credits a month, and requests beyond are refused."""
    budget_create(workspace=funded, period="month", amount=10 * NANO, stops=True, by=alice)


def test_an_authorisation_beyond_a_budget_is_402_and_holds_nothing(api: Api, funded: Workspace, ten: None) -> None:
    assert api.post(AUTHORIZE, messages(6)).status == 201
    seq = Wallet.objects.get(pk=funded.pk).seq

    answer = api.post(AUTHORIZE, messages(5), **{"Idempotency-Key": "k"})

    assert (answer.status, answer.json["code"]) == (402, "budget_exceeded")
    assert answer.json["detail"].startswith("The monthly budget of this workspace has 4 of 10 credits left")
    assert answer.json["needed"] == 5
    standing = answer.json["budget"]
    assert {name: standing[name] for name in ("level", "name", "period", "limit", "spent", "held", "left")} == {
        "level": "workspace",
        "name": None,
        "period": "month",
        "limit": 10,
        "spent": 0,
        "held": 6,
        "left": 4,
    }
    assert standing["left_nano"] == "4000000000"
    assert Wallet.objects.get(pk=funded.pk).seq == seq
    assert api.post(AUTHORIZE, messages(4)).status == 201


def test_an_estimate_tells_the_budget_that_is_nearest(api: Api, ten: None) -> None:
    answer = api.post(ESTIMATE, messages(11))
    assert (answer.status, answer.json["sufficient"], answer.json["budget"]["left"]) == (200, False, 10)
    assert api.post(USAGE, messages(12, event_id="e1")).status == 201  # what happened is recorded
    answer = api.post(ESTIMATE, messages(1))
    assert (answer.status, answer.json["code"], answer.json["budget"]["left"]) == (402, "budget_exceeded", 0)


def test_without_a_budget_the_estimate_says_so(api: Api) -> None:
    assert api.post(ESTIMATE, messages(1)).json["budget"] is None


def test_a_key_that_spends_far_too_fast_is_paused_until_it_is_resumed(
    customer: Api, api: Api, funded: Workspace, alice_client: Client
) -> None:
    site_update(changes={"velocity_factor": 1, "velocity_minimum": Decimal(20)}, actor="test")
    assert customer.post(USAGE, messages(21, event_id="e1")).status == 201
    for path in (AUTHORIZE, ESTIMATE):
        answer = customer.post(path, messages(1))
        assert (answer.status, answer.json["code"]) == (402, "budget_exceeded")
        assert "was paused" in answer.json["detail"]
        assert answer.json["paused_at"].endswith("Z")
    assert customer.post(USAGE, messages(1, event_id="e2")).status == 201
    assert customer.get("/api/v1/credits/summary").status == 200
    assert api.post(AUTHORIZE, messages(1)).status == 201

    page = alice_client.get(f"/w/{funded.public_id}/budgets/")
    assert b"Paused keys" in page.content
    key = page.context["paused"][0].api_key_id
    alice_client.post(f"/w/{funded.public_id}/budgets/keys/{key}/resume")
    assert customer.post(AUTHORIZE, messages(1)).status == 201
