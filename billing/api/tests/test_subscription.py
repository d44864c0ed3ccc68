"""The plan through the API: shown, confirmed, refused with a reason, and described."""

from typing import Any

import pytest

from billing.api.tests.conftest import Api, key_of
from billing.api.tests.test_openapi import check
from billing.plans.models import SubscriptionChange
from billing.plans.subscribing.tests.conftest import Till, plans, till

__all__ = ["plans", "till"]
pytestmark = pytest.mark.django_db
PATH = "/api/v1/subscription"


def post(api: Api, body: object, *, preview: bool = False, **headers: str) -> Any:
    answer = api.post(PATH + ("?preview=1" if preview else ""), body, **headers)
    check(answer, PATH, "post")
    return answer


def test_shown_then_begun_then_changed(till: Till) -> None:
    api = Api(key_of(till.workspace))
    with till.time():
        before = api.get(PATH)
        check(before, PATH, "get")
        assert (before.json["current"]["plan"], before.json["paid_until"]) == ("free", None)
        shown = post(api, {"plan": "team", "interval": "month"}, preview=True).json
        assert (shown["kind"], shown["status"], shown["url"]) == ("start", "shown", None)
        assert shown["due"] == {"amount": 5_000, "currency": "usd"}
        begun = post(api, {"confirm": shown["id"]}).json
        assert (begun["status"], begun["id"]) == ("asked", shown["id"])
        assert begun["url"].endswith(SubscriptionChange.objects.get().session_url)
        assert api.get(PATH).json["change"]["id"] == shown["id"]
    till.simulated.pay(str(SubscriptionChange.objects.get().session_id))
    with till.time():
        SubscriptionChange.objects.update(look_at=till_now(till))
    till.look()
    with till.time():
        running = api.get(PATH)
        check(running, PATH, "get")
        assert running.json["current"]["plan"] == "team"
        assert running.json["change"] is None
        key = {"Idempotency-Key": "up-1"}
        up = post(api, {"plan": "team", "tier": 1, "interval": "month"}, **key)
        again = post(api, {"plan": "team", "tier": 1, "interval": "month"}, **key)
        assert (up.json["status"], again.json) == ("done", up.json)
        assert (up.headers.get("Idempotent-Replay"), again.headers["Idempotent-Replay"]) == (None, "true")
        conflict = post(api, {"plan": "plus"}, **key)
        assert (conflict.status, conflict.json["code"]) == (409, "idempotency_conflict")
        assert post(api, {"action": "cancel"}).json["status"] == "done"
        assert api.get(PATH).json["ends_at"] is not None
        refused = post(api, {"plan": "plus"})
        assert (refused.status, refused.json["code"]) == (409, "change_refused")
        assert "Resume" in refused.json["detail"]
        assert post(api, {"action": "stay"}).json["kind"] == "keep"
        stale = post(api, {"plan": "plus"}, preview=True).json
        assert stale["kind"] == "downgrade"
        assert post(api, {"plan": "team", "tier": 2}).json["status"] == "done"
        gone = post(api, {"confirm": stale["id"]})
        assert (gone.status, gone.json["code"]) == (409, "preview_stale")
        following = post(api, {"plan": "plus"}).json
        assert following["status"] == "done"
        check(running := api.get(PATH), PATH, "get")
        assert running.json["next"]["plan"] == "plus"


def till_now(till: Till) -> Any:
    with till.time() as now:
        return now


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"plan": "nope"}, 404),
        ({"plan": "plus", "tier": 4}, 404),
        ({"confirm": "chg_none"}, 404),
        ({"plan": "plus", "action": "cancel"}, 400),
        ({"action": "stay", "tier": 1}, 400),
        ({"plan": "a\0b"}, 400),
        ({"plan": 7}, 400),
        ({"action": "explode"}, 400),
        ({}, 400),
        ([], 400),
        ({"action": "cancel"}, 409),
    ],
)
def test_what_is_refused(till: Till, body: object, status: int) -> None:
    with till.time():
        assert post(Api(key_of(till.workspace)), body).status == status
    assert SubscriptionChange.objects.count() == 0


def test_scopes(till: Till) -> None:
    reads = Api(key_of(till.workspace, "billing:read"))
    assert reads.get(PATH).status == 200
    assert post(reads, {"plan": "plus"}).json["code"] == "insufficient_scope"
    assert Api(key_of(till.workspace, "billing:write")).get(PATH).status == 403


def test_stripe_is_not_there(till: Till) -> None:
    api = Api(key_of(till.workspace))
    till.simulated.control("faults", on="checkout/sessions", status=500, times=2)
    with till.time():
        down = post(api, {"plan": "plus"}, **{"Idempotency-Key": "one"})
        assert (down.status, down.json["code"]) == (503, "unavailable")
        assert post(api, {"plan": "plus"}, **{"Idempotency-Key": "one"}).json["url"]
