"""What holds for every request: keys, names of parameters, repeated requests, lists, expanded fields."""

import http.client
import json

import pytest
import stripe

from portal.standin.routes import known_paths
from portal.testing.simulated import KEY, SimulatedStripe


def test_live_keys_and_no_keys_are_refused(simulated: SimulatedStripe) -> None:
    for key, words in [("sk_live_" + "a" * 24, "live keys"), ("pk_test_" + "a" * 24, "Invalid API Key")]:
        with pytest.raises(stripe.AuthenticationError, match=words):
            stripe.Account.retrieve(api_key=key)
    assert stripe.Account.retrieve().id.startswith("acct_")


@pytest.mark.parametrize(
    "params",
    [
        {"emial": "a@example.com"},
        {"invoice_settings": {"default_paiment_method": "pm_1"}},
        {"tax_id_data": [{"type": "eu_vat", "valeu": "DE1"}]},
    ],
)
def test_an_unknown_parameter_is_refused_at_any_depth(simulated: SimulatedStripe, params: dict[str, object]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe.Customer.create(**params)  # type: ignore[arg-type]
    assert refused.value.code == "parameter_unknown"
    assert stripe.Customer.list().data == []


def test_any_metadata_is_allowed(simulated: SimulatedStripe) -> None:
    customer = stripe.Customer.create(metadata={"anything": "goes", "and": "more"})
    stripe.Customer.modify(customer.id, metadata={"and": "", "new": "1"})
    assert stripe.Customer.retrieve(customer.id).to_dict()["metadata"] == {"anything": "goes", "new": "1"}


def test_a_missing_object_is_a_404(simulated: SimulatedStripe) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe.Customer.retrieve("cus_none")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe.PaymentIntent.create(amount=500, currency="usd", customer="cus_none")
    assert (refused.value.code, refused.value.param) == ("resource_missing", "customer")


def test_a_path_that_is_not_there_says_so(simulated: SimulatedStripe) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        stripe.Payout.list()


def test_a_repeated_request_is_answered_again_and_done_once(simulated: SimulatedStripe) -> None:
    first = stripe.Customer.create(email="a@example.com", idempotency_key="one")
    again = stripe.Customer.create(email="a@example.com", idempotency_key="one")
    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError) as refused:
        stripe.Customer.create(email="b@example.com", idempotency_key="one")
    assert refused.value.http_status == 400
    assert len(stripe.Customer.list().data) == 1


def test_a_decline_is_repeated_and_a_refused_request_may_be_corrected(simulated: SimulatedStripe) -> None:
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            stripe.PaymentIntent.create(
                amount=500,
                currency="usd",
                payment_method="pm_card_visa_chargeDeclined",
                confirm=True,
                idempotency_key="decline",
            )
    assert len(stripe.PaymentIntent.list().data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        stripe.PaymentIntent.create(amount=1, currency="usd", idempotency_key="corrected")
    assert stripe.PaymentIntent.create(amount=100, currency="usd", idempotency_key="corrected").amount == 100


def test_a_server_that_fails_after_the_deed_charges_once(simulated: SimulatedStripe) -> None:
    simulated.control("faults", on="payment_intents", afterwards=True, status=500)
    simulated.control("faults", on="payment_intents", status=503)
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            stripe.PaymentIntent.create(
                amount=500, currency="usd", payment_method="pm_card_visa", confirm=True, idempotency_key="k"
            )
    done = stripe.PaymentIntent.create(
        amount=500, currency="usd", payment_method="pm_card_visa", confirm=True, idempotency_key="k"
    )
    assert done.status == "succeeded"
    assert simulated.books()["totals"]["usd"]["charge"] == 500


def test_an_invalid_request_changes_nothing(simulated: SimulatedStripe) -> None:
    product = stripe.Product.create(name="Pack")
    with pytest.raises(stripe.InvalidRequestError):
        stripe.checkout.Session.create(
            mode="payment",
            success_url="http://testserver/",
            line_items=[
                {"price_data": {"currency": "usd", "product": product.id, "unit_amount": 500}},
                {"price": "price_none"},
            ],
        )
    assert stripe.Price.list().data == []
    assert simulated.kinds() == ["product.created"]


def test_lists_have_pages_filters_and_an_order(simulated: SimulatedStripe) -> None:
    made = [stripe.Customer.create(email=f"{number % 2}@example.com").id for number in range(7)]
    page = stripe.Customer.list(limit=3)
    assert ([one.id for one in page.data], page.has_more) == (made[:3:-1], True)
    assert [one.id for one in page.auto_paging_iter()] == made[::-1]
    before = stripe.Customer.list(limit=2, ending_before=made[2])
    assert [one.id for one in before.data] == [made[4], made[3]]
    assert len(stripe.Customer.list(email="1@example.com").data) == 3
    assert stripe.Customer.list(created={"lt": 1}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Customer.list(limit=101)


def test_fields_are_expanded(simulated: SimulatedStripe) -> None:
    customer = stripe.Customer.create(email="a@example.com")
    intent = stripe.PaymentIntent.create(
        amount=500,
        currency="usd",
        customer=customer.id,
        payment_method="pm_card_visa",
        confirm=True,
        expand=["customer", "latest_charge.balance_transaction"],
    )
    assert intent.to_dict()["customer"]["email"] == "a@example.com"
    assert intent.to_dict()["latest_charge"]["balance_transaction"]["amount"] == 500
    listed = stripe.PaymentIntent.list(expand=["data.customer"]).data[0]
    assert listed.to_dict()["customer"]["id"] == customer.id


def raw(simulated: SimulatedStripe, path: str, **headers: str) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", simulated.server.server_port)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_it_is_bound_to_loopback_and_answers_no_other_host_name(simulated: SimulatedStripe) -> None:
    assert simulated.server.server_address[0] == "127.0.0.1"
    status, _ = raw(simulated, "/v1/account", Host="attacker.example", Authorization=f"Bearer {KEY}")
    assert status == 403


def test_private_paths_need_the_token(simulated: SimulatedStripe) -> None:
    for path in ("/_control/books", "/_hosted/checkout/cs_1"):
        assert raw(simulated, path)[0] == 404
        assert raw(simulated, path, Authorization=f"Bearer {KEY}")[0] == 404
    assert raw(simulated, "/_control/health") == (200, {"ok": True})


def test_every_path_that_changes_something_checks_the_names_of_its_parameters() -> None:
    from portal.standin import routes

    unchecked = {route.pattern.pattern for route in routes._routes if route.names is None and route.method == "POST"}
    assert unchecked == set()
    assert len(known_paths()) > 100
