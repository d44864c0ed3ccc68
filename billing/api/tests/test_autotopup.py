"""Automatic top-ups over the API, on both paths: within what a person agreed to, and never beyond."""

from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import User, Workspace
from billing.api.tests.conftest import Answer, Api, key_of
from billing.api.tests.test_openapi import check
from billing.credits.units import NANO
from billing.packs.autotopup.models import AutoTopUp, TopUpAnswer
from billing.packs.autotopup.settings import auto_top_up_agree, auto_top_up_off
from billing.packs.autotopup.sizing import Terms

pytestmark = pytest.mark.django_db
PATH, SECOND = "/api/v1/auto-top-up/settings", "/api/auto-top-up/settings"
TERMS = Terms(100 * NANO, 2_000 * NANO, None, 5_000, 10_000)


@pytest.fixture
def agreed(workspace: Workspace, alice: User) -> Workspace:
    auto_top_up_agree(
        workspace=workspace,
        terms=TERMS,
        amount_in="money",
        method="pm_1",
        card="Visa card ending in 4242",
        text="I agree.",
        by=alice,
    )
    return workspace


def post(api: Api, body: Any, path: str = PATH, **headers: str) -> Answer:
    answer = api.post(path, body, **headers)
    check(answer, path, "post")
    return answer


def get(api: Api) -> Any:
    answer = api.get(PATH)
    check(answer, PATH, "get")
    return answer.json


def test_off_with_the_defaults(customer: Api, workspace: Workspace, settings: LazySettings) -> None:
    found = get(customer)
    assert (found["enabled"], found["state"], found["threshold"], found["amount"]) == (False, "off", 100, 2_000)
    assert found["charge"] == {"amount": 1_000, "currency": "usd"}
    assert found["consent"] is None
    assert found["consent_url"] == f"{settings.SITE_URL}/w/{workspace.public_id}/auto-top-up"


@pytest.mark.parametrize("path", [PATH, SECOND])
def test_only_a_person_agrees(customer: Api, workspace: Workspace, path: str) -> None:
    refused = post(customer, {"enabled": True, "threshold": 100, "amount": 1000}, path)
    assert (refused.status, refused.json["code"]) == (409, "consent_required")
    assert refused.json["consent_url"].endswith(f"/w/{workspace.public_id}/auto-top-up")
    assert not AutoTopUp.objects.filter(pk=workspace.pk).exists()
    set_up = post(customer, {"threshold": "150.5", "amount": 1000}, path)
    assert (set_up.status, set_up.json["enabled"], set_up.json["threshold_nano"]) == (200, False, "150500000000")
    assert set_up.json["charge"]["amount"] == 500


def test_within_what_was_agreed_to(api: Api, agreed: Workspace, alice: User) -> None:
    less = post(api, {"threshold": 50, "amount": 1000, "month_limit_usd": "60.00"}).json
    assert (less["enabled"], less["threshold"], less["month_limit"]["amount"]) == (True, 50, 6_000)
    assert less["consent"]["by"] == "alice@example.com"
    for more in (
        {"threshold": 101},
        {"amount": 2001},
        {"amount_usd": 10.01},
        {"target": 5000},
        {"month_limit_usd": 101},
    ):
        refused = post(api, more)
        assert (refused.status, refused.json["code"]) == (409, "consent_required"), more
    assert get(api)["threshold"] == 50
    assert post(api, {"enabled": False}).json["state"] == "off"
    assert post(api, {"enabled": True}).json["enabled"] is True
    auto_top_up_off(workspace=agreed, by=alice, withdraw=True)
    assert post(api, {"enabled": True}).json["code"] == "consent_required"


def test_a_repeat_is_answered_as_the_first_time(api: Api, agreed: Workspace) -> None:
    key = {"Idempotency-Key": "k1"}
    first = post(api, {"threshold": 60}, **key)
    post(api, {"threshold": 70})
    again = post(api, {"threshold": 60}, SECOND, **key)
    assert again.json == first.json
    assert again.headers["Idempotent-Replay"] == "true"
    assert get(api)["threshold"] == 70, "it was not done again"
    assert post(api, {"threshold": 61}, **key).json["code"] == "idempotency_conflict"
    assert post(api, {"threshold": 0}, **{"Idempotency-Key": "k2"}).status == 400
    assert TopUpAnswer.objects.count() == 1, "only successes are remembered"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"threshold": 0}, "/threshold"),
        ({"threshold": -1}, "/threshold"),
        ({"amount": 1}, "/amount"),
        ({"amount": 1000, "amount_usd": 5}, "/amount_usd"),
        ({"amount_usd": "10.001"}, "/amount_usd"),
        ({"target": 100}, "/target"),
        ({"day_limit_usd": 1}, "/day_limit_usd"),
        ({"month_limit_usd": 1000000}, "/month_limit_usd"),
        ({"enabled": "yes"}, "/enabled"),
        ({"typo": 1}, "/typo"),
    ],
)
def test_what_is_refused(api: Api, agreed: Workspace, body: Any, pointer: str) -> None:
    refused = post(api, body)
    assert (refused.status, refused.json["code"]) == (400, "invalid_request")
    assert refused.json["errors"][0]["pointer"] == pointer
    assert AutoTopUp.objects.get(pk=agreed.pk).terms == TERMS


def test_scopes(agreed: Workspace) -> None:
    reads, writes = Api(key_of(agreed, "billing:read")), Api(key_of(agreed, "billing:write"))
    assert reads.get(PATH).status == 200
    assert post(reads, {"enabled": False}).json["code"] == "insufficient_scope"
    assert post(writes, {"enabled": False}).status == 200
    assert writes.get(PATH).status == 403
