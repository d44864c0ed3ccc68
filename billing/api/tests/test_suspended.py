"""The API of a suspended workspace: its own keys read, cancel and switch off, and buy nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import User, Workspace
from accounts.scopes import Scope
from accounts.services.suspension import workspace_resume, workspace_suspend
from billing.api.access import BearerKey
from billing.api.service import api as service
from billing.api.tests.conftest import Answer, Api, key_of, usage_event
from billing.api.tests.test_autotopup import agreed
from billing.api.tests.test_openapi import check
from billing.credits import clock
from billing.packs.autotopup.models import AutoTopUp
from billing.packs.models import Purchase
from billing.plans.addons.services import addon_set
from billing.plans.models import SubscriptionChange
from billing.plans.subscribing.tests.conftest import Till, plans, till
from billing.usage import limits

__all__ = ["agreed", "plans", "till"]
pytestmark = pytest.mark.django_db
REFUSED = [
    ("/api/v1/credits/checkout", {"packId": "growth"}),
    ("/api/stripe/create-checkout-session", {"packId": "growth"}),
    ("/api/v1/credits/topup", {"amount_usd": 5}),
    ("/api/v1/auto-top-up/settings", {"enabled": True}),
    ("/api/auto-top-up/settings", {"enabled": True}),
    ("/api/v1/auto-top-up/settings", {"threshold": 50}),
    ("/api/v1/auto-top-up/settings", {"enabled": False, "threshold": 50}),
    ("/api/v1/subscription", {"plan": "team", "interval": "month"}),
    ("/api/v1/subscription?preview=1", {"plan": "team", "interval": "month"}),
    ("/api/v1/subscription", {"action": "stay"}),
    ("/api/v1/subscription", {"confirm": "chg_unknown"}),
    ("/api/v1/subscription/addons", {"addon": "concurrency", "quantity": 1}),
    ("/api/v1/alerts/settings", {}),
]
# They tell themselves what may be done; the others that write billing refuse before anything is read.
TELL_THEMSELVES = {"auto_top_up_change", "subscription_change", "addons_remove"}


def known_anew() -> None:
    limits._suspended.clear()  # as after the commit


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    known_anew()
    yield
    known_anew()


def suspend(workspace: Workspace) -> None:
    workspace_suspend(workspace=workspace, reason="unpaid", by="operator")
    known_anew()


def is_refused(answer: Answer) -> bool:
    return (answer.status, answer.json.get("code")) == (403, "workspace_suspended")


def test_whatever_writes_billing_is_refused_unless_it_is_listed_here() -> None:
    found: dict[str, bool] = {}
    for _, router in service._routers:
        for path in router.path_operations.values():
            for operation in path.operations:
                (access,) = operation.auth_callbacks or [None]
                if isinstance(access, BearerKey) and access.scope == Scope.BILLING_WRITE:
                    found[str(operation.operation_id)] = access.while_suspended
    assert {name for name, lets in found.items() if lets} == TELL_THEMSELVES
    assert set(found) - TELL_THEMSELVES == {"credits_checkout", "credits_topup", "addons_set", "alerts_change"}


def test_its_own_keys_buy_and_change_nothing(customer: Api, funded: Workspace) -> None:
    suspend(funded)
    for path, body in REFUSED:
        answer = customer.post(path, body)
        assert is_refused(answer), (path, body, answer.json)
        assert answer.headers["X-RateLimit-Limit"]
        check(answer, path.partition("?")[0], "post")
    assert not Purchase.objects.exists()
    assert not SubscriptionChange.objects.exists()
    assert not AutoTopUp.objects.filter(pk=funded.pk, enabled=True).exists()
    workspace_resume(workspace=funded, reason="paid", by="operator")
    known_anew()
    assert customer.post("/api/v1/auto-top-up/settings", {"threshold": 50}).status == 200


def test_everything_is_read_and_what_happened_is_recorded(api: Api, customer: Api, funded: Workspace) -> None:
    wanted = {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 1000}}
    hold = api.post("/api/v1/usage/authorize", wanted).json["hold"]
    suspend(funded)
    for path in (
        *("/api/v1/credits/summary", "/api/v1/credits/lots", "/api/v1/credits/ledger", "/api/v1/credits/packs"),
        *("/api/v1/usage/events", "/api/v1/subscription", "/api/v1/subscription/addons", "/api/v1/invoices/list"),
        *("/api/v1/auto-top-up/settings", "/api/v1/alerts/settings", "/api/v1/entitlements"),
    ):
        assert customer.get(path).status == 200, path
    assert api.post("/api/v1/usage", usage_event("e1")).status == 201
    settled = api.post(f"/api/v1/usage/holds/{hold}/settle", {"event_id": "e2", "usage": {"input_tokens": 900}})
    assert settled.status == 201
    assert is_refused(api.post("/api/v1/usage/authorize", wanted))


def test_top_ups_are_switched_off(customer: Api, agreed: Workspace) -> None:
    suspend(agreed)
    assert is_refused(customer.post("/api/v1/auto-top-up/settings", {"enabled": True}))
    off = customer.post("/api/v1/auto-top-up/settings", {"enabled": False})
    assert (off.status, off.json["enabled"]) == (200, False)
    assert is_refused(customer.post("/api/v1/auto-top-up/settings", {"enabled": True}))


def test_the_operators_own_keys_go_on(api: Api, agreed: Workspace) -> None:
    suspend(agreed)
    assert api.post("/api/v1/auto-top-up/settings", {"threshold": 50}).status == 200


def test_add_ons_are_removed(customer: Api, funded: Workspace, alice: User) -> None:
    with clock.at(datetime(2026, 2, 14, 9, 30, tzinfo=UTC)):
        addon_set(workspace=funded, addon_key="concurrency", quantity=1, key="k", actor=alice)
        suspend(funded)
        removed = customer.delete("/api/v1/subscription/addons", {"addon": "concurrency"})
    assert (removed.status, removed.json["quantity"]) == (200, 0)


def test_the_plan_is_cancelled_and_not_resumed(till: Till) -> None:
    till.start("team")
    suspend(till.workspace)
    customer = Api(key_of(till.workspace))

    def post(body: dict[str, Any], query: str = "") -> Answer:
        return customer.post(f"/api/v1/subscription{query}", body)

    with till.time():
        shown = post({"action": "cancel"}, "?preview=1")
        assert (shown.status, shown.json["kind"]) == (201, "cancel")
        assert post({"confirm": shown.json["id"]}).json["status"] == "done"
        assert customer.get("/api/v1/subscription").json["ends_at"] is not None
        assert is_refused(post({"action": "stay"}))
        assert till.row.ends_at is not None
