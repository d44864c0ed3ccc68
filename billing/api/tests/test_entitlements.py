from decimal import Decimal

import pytest

from accounts.models import Workspace
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.plans.limits import forget_limits
from billing.plans.services import plan_start

PATH = "/api/v1/entitlements"


@pytest.fixture
def pro(api: Api, funded: Workspace) -> Api:
    plan_start(workspace=funded, plan_key="pro")
    forget_limits(funded.pk)
    return api


def test_an_allowance_tells_what_is_left(pro: Api) -> None:
    speech = {"model": "elevenlabs/eleven_flash_v2_5", "usage": {"input_characters": 1200}}
    assert pro.post("/api/v1/usage", usage_event("a", **speech)).json["credits"] == 0
    answer = pro.get(f"{PATH}/input_characters")
    assert answer.status == 200
    assert answer.json.pop("resets_at") > "2026"
    assert answer.json == {
        "feature": "input_characters",
        "entitled": True,
        "kind": "allowance",
        "text": None,
        "limit": 500_000,
        "used": 1200,
        "remaining": 498_800,
        "plan": "pro",
    }


def test_every_name_of_the_list_can_be_asked_for(pro: Api) -> None:
    listed = pro.get(PATH).json
    assert listed["plan"] == "pro"
    assert len(listed["data"]) == 11
    for entry in listed["data"]:
        assert pro.get(f"{PATH}/{entry['feature']}").json == entry


def test_a_name_is_unknown_but_never_missing(pro: Api) -> None:
    answer = pro.get(f"{PATH}/time-travel")
    assert (answer.status, answer.json["entitled"], answer.json["kind"], answer.json["plan"]) == (
        200,
        False,
        None,
        "pro",
    )


@pytest.mark.parametrize("name", ["a b", "a/b", "x" * 121, "%00", "é!", "%ED%A0%80"])
def test_what_cannot_be_a_name_is_refused(pro: Api, name: str) -> None:
    answer = pro.get(f"{PATH}/{name}")
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def test_customers_ask_for_their_own_workspace_only(pro: Api, funded: Workspace) -> None:
    other = Workspace.objects.create(name="Other")
    own = Api(key_of(funded, "usage:read"))
    assert own.get(f"{PATH}/premium").json["entitled"] is True
    assert Api(key_of(other)).get(f"{PATH}/premium").json == {
        "feature": "premium",
        "entitled": False,
        "kind": None,
        "text": None,
        "limit": None,
        "used": None,
        "remaining": None,
        "resets_at": None,
        "plan": None,
    }
    assert Api(key_of(funded, "billing:read")).get(PATH).status == 403
    assert Api().get(PATH).status == 401
    assert Api(key_of(None)).get(PATH).status == 400


def test_amounts_are_exact(pro: Api) -> None:
    pro.post(
        "/api/v1/usage",
        usage_event("a", model="elevenlabs/eleven_flash_v2_5", usage={"input_characters": "0.000000001"}),
    )
    assert pro.get(f"{PATH}/input_characters").json["used"] == Decimal("0.000000001")
