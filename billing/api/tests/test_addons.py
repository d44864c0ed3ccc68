"""Add-ons over the API, and the limits of the plan as the API tells them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import Workspace
from billing.api.tests.conftest import Api, key_of
from billing.api.tests.test_openapi import check
from billing.credits import clock
from billing.foundation.cache import clear_all
from billing.ledger.models import Transfer
from billing.plans.models import Plan, PlanVersion, WorkspaceAddOn
from billing.plans.services import plan_start

pytestmark = pytest.mark.django_db
ADDONS = "/api/v1/subscription/addons"
START, MIDDLE = datetime(2026, 1, 31, 9, 30, tzinfo=UTC), datetime(2026, 2, 14, 9, 30, tzinfo=UTC)
BODY: dict[str, Any] = {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 900, "output_tokens": 300}}


@pytest.fixture
def middle(funded: Workspace) -> Iterator[None]:
    """The middle of a period, 31 January to 28 February."""
    plan = Plan.objects.create(key="team", name="Team")
    terms: dict[str, Any] = {"concurrency": 1, "request_limits": {"output_tokens": "400"}, "qualities": ["standard"]}
    PlanVersion.objects.create(plan=plan, number=1, published_at=START, **terms)
    with clock.at(START):
        plan_start(workspace=funded, plan_key="team")
    with clock.at(MIDDLE):
        clear_all()
        yield


def told(api: Api, body: dict[str, Any], query: str = "", **headers: str) -> Any:
    answer = api.post(ADDONS + query, body, **headers)
    check(answer, ADDONS, "post")
    return answer


def test_add_it_as_previewed_change_it_and_remove_it(api: Api, middle: None) -> None:
    shown = told(api, {"addon": "concurrency", "quantity": 2}, "?preview=1").json
    assert (shown["id"], shown["charged"], shown["monthly_credits"], shown["sufficient"]) == (None, 500, 1_000, True)
    assert (shown["at"], shown["until"]) == ("2026-02-14T09:30:00Z", "2026-02-28T09:30:00Z")
    assert WorkspaceAddOn.objects.count() == 0
    done = told(api, {"addon": "concurrency", "quantity": 2, "at": shown["at"]}).json
    assert {**done, "id": None} == shown
    told(api, {"addon": "concurrency", "quantity": 1})
    listed = api.get(ADDONS)
    check(listed, ADDONS, "get")
    held = listed.json["data"][0]["held"]
    assert (held["quantity"], held["next_quantity"], held["status"]) == (2, 1, "active")
    assert listed.json["monthly_credits"] == 500
    removed = api.delete(ADDONS, {"addon": "concurrency"})
    check(removed, ADDONS, "delete")
    assert (removed.json["quantity"], removed.json["effective_at"]) == (0, "2026-02-28T09:30:00Z")
    assert Transfer.objects.filter(kind="addon.spend").count() == 1


def test_a_repeat_is_done_once_and_another_body_is_a_conflict(api: Api, middle: None) -> None:
    key = {"Idempotency-Key": "one"}
    first, again = told(api, {"addon": "concurrency"}, **key), told(api, {"addon": "concurrency"}, **key)
    assert (again.status, again.json, again.headers["Idempotent-Replay"]) == (200, first.json, "true")
    other = told(api, {"addon": "concurrency", "quantity": 2}, **key)
    assert (other.status, other.json["code"]) == (409, "idempotency_conflict")


def test_what_cannot_be_is_refused(api: Api, funded: Workspace, middle: None) -> None:
    poor = told(api, {"addon": "knowledge-bases", "quantity": 10}, "?preview=1").json
    assert poor["sufficient"]
    for body, status, code in (
        ({"addon": "moon"}, 404, "not_found"),
        ({"addon": "voice-cloning", "quantity": 2}, 400, "invalid_request"),
        ({"addon": "voice-cloning", "quantity": 0}, 400, "invalid_request"),
        ({"addon": "voice-cloning", "at": "2026-02-14T08:00:00Z"}, 409, "preview_outdated"),
        ({"addon": "voice-cloning", "at": "soon"}, 400, "invalid_request"),
    ):
        answer = told(api, body)
        assert (answer.status, answer.json["code"]) == (status, code), body
    told(api, {"addon": "knowledge-bases", "quantity": 10})
    told(api, {"addon": "concurrency", "quantity": 20})
    rich = {"addon": "voice-cloning"}
    for _ in range(2):
        api.post("/api/v1/usage", {"event_id": "all", "usage": {"messages": "2404"}})
    answer = told(api, rich)
    assert (answer.status, answer.json["needed"], answer.json["available"]) == (402, 1_000, 0)
    gone = api.delete(ADDONS, {"addon": "voice-cloning"})
    check(gone, ADDONS, "delete")
    assert gone.status == 404
    assert Api(key_of(funded, "billing:read")).post(ADDONS, rich).status == 403


def test_the_limits_of_the_plan_are_kept_to(api: Api, middle: None) -> None:
    too_long = BODY | {"usage": {"output_tokens": 401}}
    too_good = BODY | {"variant": {"quality": "ultra"}}
    for path in ("/api/v1/usage/estimate", "/api/v1/usage/authorize"):
        for body, code in ((too_long, "request_over_limit"), (too_good, "quality_not_in_plan")):
            answer = api.post(path, body)
            check(answer, path, "post")
            assert (answer.status, answer.json["code"]) == (422, code)
    assert api.post("/api/v1/usage/authorize", BODY).status == 201
    refused = api.post("/api/v1/usage/authorize", BODY)
    check(refused, "/api/v1/usage/authorize", "post")
    assert (refused.status, refused.json["code"], refused.headers["Retry-After"]) == (429, "concurrency_exceeded", "1")
    assert refused.json["concurrency"] == {"limit": 1, "open": 1}
    estimate = api.post("/api/v1/usage/estimate", BODY)
    check(estimate, "/api/v1/usage/estimate", "post")
    assert estimate.json["concurrency"] == {"limit": 1, "open": 1}
    told(api, {"addon": "concurrency"})
    clear_all()
    assert api.get("/api/v1/entitlements/concurrency").json["limit"] == 6
    assert api.post("/api/v1/usage/authorize", BODY).status == 201
