"""Packs and Checkout over the API, on both paths."""

from decimal import Decimal

import pytest
from django.conf import LazySettings

from accounts.models import User, Workspace
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.api.tests.test_openapi import check
from billing.foundation.due.registry import run_due
from billing.packs.attending import JOB, notice_write
from billing.packs.models import Pack, Promotion, Purchase
from billing.packs.policies import policy_update
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)
PACKS, CHECKOUT = "/api/v1/credits/packs", "/api/v1/credits/checkout"
SECOND = "/api/stripe/create-checkout-session"


def test_packs(api: Api, funded: Workspace) -> None:
    answer = api.get(PACKS)
    check(answer, PACKS, "get")
    assert [each["id"] for each in answer.json["data"]] == ["starter", "growth", "scale"]
    growth = answer.json["data"][1]
    assert growth["credits"] == 10_500
    assert growth["bonus_credits"] == 500
    assert growth["price"] == {"amount": 5_000, "currency": "usd"}
    assert growth["price_per_credit"] == Decimal("0.004761904762")


@pytest.mark.parametrize("path", [CHECKOUT, SECOND])
def test_checkout(simulated: SimulatedStripe, api: Api, funded: Workspace, path: str, settings: LazySettings) -> None:
    answer = api.post(path, {"packId": "growth"})
    check(answer, path, "post")
    assert answer.status == 201
    purchase = Purchase.objects.get()
    assert answer.json == {"id": purchase.session_id, "url": purchase.session_url}
    assert (purchase.workspace, purchase.amount) == (funded, 5_000)
    assert purchase.buyer_label.startswith("service key psk_")
    summary = api.get("/api/v1/credits/summary").json
    assert (summary["pending"], summary["balance"]) == (10_500, 12_404)
    paid = simulated.pay(str(purchase.session_id))
    home = f"{settings.SITE_URL}/w/{funded.public_id}/credits/purchases/{purchase.public_id}"
    assert paid["redirect"] == f"{home}?back=1"


def test_a_repeat_is_the_same_purchase(simulated: SimulatedStripe, api: Api, customer: Api) -> None:
    key = {"Idempotency-Key": "order-1"}
    first, again = api.post(CHECKOUT, {"packId": "growth"}, **key), api.post(SECOND, {"packId": "growth"}, **key)
    assert (first.status, again.status, again.json) == (201, 201, first.json)
    assert (first.headers.get("Idempotent-Replay"), again.headers.get("Idempotent-Replay")) == (None, "true")
    other = api.post(CHECKOUT, {"packId": "scale"}, **key)
    check(other, CHECKOUT, "post")
    assert (other.status, other.json["code"]) == (409, "idempotency_conflict")
    assert customer.post(CHECKOUT, {"packId": "growth"}, **key).json != first.json, "another class of key"
    assert api.post(CHECKOUT, {"packId": "growth"}).json != api.post(CHECKOUT, {"packId": "growth"}).json
    assert Purchase.objects.count() == 4


def test_codes(simulated: SimulatedStripe, api: Api) -> None:
    Promotion.objects.create(code="SPRING", percent_off=20)
    assert api.post(CHECKOUT, {"packId": "growth", "promotionCode": "spring"}).status == 201
    assert Purchase.objects.get().amount == 4_000
    refused = api.post(CHECKOUT, {"packId": "growth", "promotionCode": "NOPE"})
    check(refused, CHECKOUT, "post")
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (400, "/promotionCode")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"packId": "nope"}, 404),
        ({"packId": "a\0b"}, 400),
        ({}, 400),
        ({"packId": 7}, 400),
        ({"packId": "growth", "amount": 1}, 400),
        ({"packId": "growth", "promotionCode": "a\0"}, 400),
        ([], 400),
    ],
)
def test_what_is_refused(simulated: SimulatedStripe, api: Api, body: object, status: int) -> None:
    answer = api.post(CHECKOUT, body)
    check(answer, CHECKOUT, "post")
    assert answer.status == status
    assert Purchase.objects.count() == 0


def test_scopes(simulated: SimulatedStripe, funded: Workspace) -> None:
    reads = Api(key_of(funded, "billing:read"))
    assert reads.get(PACKS).status == 200
    assert reads.post(CHECKOUT, {"packId": "growth"}).json["code"] == "insufficient_scope"
    writes = Api(key_of(funded, "billing:write"))
    assert writes.post(CHECKOUT, {"packId": "growth"}).status == 201
    assert writes.get(PACKS).status == 403


def test_stripe_is_not_there(simulated: SimulatedStripe, api: Api, settings: LazySettings) -> None:
    simulated.control("faults", on="checkout/sessions", status=500, times=2)
    key = {"Idempotency-Key": "order-1"}
    down = api.post(CHECKOUT, {"packId": "growth"}, **key)
    check(down, CHECKOUT, "post")
    assert (down.status, down.json["code"]) == (503, "unavailable")
    assert "Nothing was charged" in down.json["detail"]
    assert api.post(CHECKOUT, {"packId": "growth"}, **key).status == 201
    settings.STRIPE_SECRET_KEY = ""
    assert api.post(CHECKOUT, {"packId": "growth"}).status == 503
    estimate = {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 900}}
    assert api.post("/api/v1/usage/estimate", estimate).status == 200
    assert Pack.objects.count() == 3


def test_a_disputed_payment_declines_new_requests_and_records_what_happened(
    simulated: SimulatedStripe, api: Api, funded: Workspace, alice: User
) -> None:
    policy_update(on_dispute="suspend", actor=alice)
    session = api.post(CHECKOUT, {"packId": "growth"}).json["id"]
    simulated.pay(session, "4000000000000259")
    notice_write(Purchase.objects.get(), "test")
    assert run_due(only=JOB)[0].error == ""
    estimate = {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 900, "output_tokens": 300}}
    for path, body in (("/api/v1/usage/estimate", estimate), ("/api/v1/usage/authorize", estimate)):
        answer = api.post(path, body)
        check(answer, path, "post")
        assert (answer.status, answer.json["code"]) == (402, "payment_disputed")
    assert api.post("/api/v1/usage", usage_event()).status == 201
