"""Checkout in its three modes, as the API and the page's private paths see it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from portal.standin.client import StandInError
from portal.testing.simulated import SimulatedStripe

Price = Callable[..., stripe.Price]
SUCCESS = "http://testserver/done?session={CHECKOUT_SESSION_ID}"


def begin(customer: stripe.Customer, mode: str = "payment", **more: object) -> stripe.checkout.Session:
    given: dict[str, object] = {
        "mode": mode,
        "customer": customer.id,
        "success_url": SUCCESS,
        "cancel_url": "http://x/",
    }
    return stripe.checkout.Session.create(**given | more)  # type: ignore[arg-type]


def pack(customer: stripe.Customer, price: Price, **more: object) -> stripe.checkout.Session:
    intent = {"metadata": {"purchase": "p1"}, "setup_future_usage": "off_session"}
    items = [{"price": price(2000).id, "quantity": 2}]
    return begin(customer, line_items=items, payment_intent_data=intent, client_reference_id="p1", **more)


def test_a_payment(simulated: SimulatedStripe, customer: stripe.Customer, price: Price) -> None:
    session = pack(customer, price)
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 4000)
    assert session.url == f"http://testserver/simulated-stripe/checkout/{session.id}/"
    assert simulated.pay(session.id) == {"redirect": f"http://testserver/done?session={session.id}"}
    paid = stripe.checkout.Session.retrieve(session.id, expand=["payment_intent", "line_items"])
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    intent = paid.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.amount_received, intent.metadata["purchase"]) == (4000, "p1")
    assert paid.line_items is not None
    assert paid.line_items.data[0].quantity == 2
    assert len(stripe.Customer.list_payment_methods(customer.id).data) == 1
    assert simulated.kinds()[-1] == "checkout.session.completed"


def test_cards_that_were_saved_are_offered_if_asked_for(
    simulated: SimulatedStripe, customer: stripe.Customer, price: Price
) -> None:
    simulated.pay(pack(customer, price).id)
    (card,) = stripe.Customer.list_payment_methods(customer.id).data
    filters = {"allow_redisplay_filters": ["always", "limited", "unspecified"]}
    plain, offering = pack(customer, price), pack(customer, price, saved_payment_method_options=filters)
    assert simulated.client.get(f"_hosted/checkout/{plain.id}")["saved"] == []
    assert [one["id"] for one in simulated.client.get(f"_hosted/checkout/{offering.id}")["saved"]] == [card.id]
    with pytest.raises(StandInError, match="not saved any more"):
        simulated.pay(plain.id, card.id)
    simulated.pay(offering.id, card.id)
    assert stripe.checkout.Session.retrieve(offering.id).payment_status == "paid"
    assert len(stripe.Customer.list_payment_methods(customer.id).data) == 1
    with pytest.raises(stripe.InvalidRequestError, match="`setup` mode"):
        begin(customer, "setup", currency="usd", saved_payment_method_options=filters)


def test_pay_pressed_many_times_at_once_pays_once(
    simulated: SimulatedStripe, customer: stripe.Customer, price: Price
) -> None:
    session = pack(customer, price)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: simulated.pay(session.id), range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert simulated.books()["totals"]["usd"]["charge"] == 4000
    assert simulated.kinds().count("checkout.session.completed") == 1


def test_a_declined_card_then_another(simulated: SimulatedStripe, customer: stripe.Customer, price: Price) -> None:
    session = pack(customer, price)
    assert simulated.pay(session.id, "4000000000009995") == {"error": "Your card has insufficient funds."}
    assert simulated.pay(session.id, "4242424242424241") == {"error": "Your card number is incorrect."}
    assert "non test card" in simulated.pay(session.id, "4012888888881881")["error"]
    assert stripe.checkout.Session.retrieve(session.id).status == "open"
    assert "redirect" in simulated.pay(session.id)
    assert len(stripe.PaymentIntent.list(customer=customer.id).data) == 1
    assert simulated.books()["totals"]["usd"]["charge"] == 4000


def test_3d_secure_refused_then_approved(simulated: SimulatedStripe, customer: stripe.Customer, price: Price) -> None:
    session = pack(customer, price)
    asked = simulated.pay(session.id, "4000002760003184")["redirect"]
    key = asked.rstrip("/").rpartition("/")[2]
    back = simulated.client.post(f"_hosted/authentication/{key}", approve=False)["redirect"]
    assert back == session.url
    assert "unable to authenticate" in simulated.client.get(f"_hosted/checkout/{session.id}")["message"]
    assert simulated.client.get(f"_hosted/checkout/{session.id}")["message"] is None
    assert simulated.books()["totals"] == {}
    simulated.pay(session.id, "4000002760003184")
    done = simulated.client.post(f"_hosted/authentication/{key}", approve=True)["redirect"]
    assert done.startswith("http://testserver/done")
    assert stripe.checkout.Session.retrieve(session.id).payment_status == "paid"


def test_saving_a_card(simulated: SimulatedStripe, customer: stripe.Customer) -> None:
    session = begin(customer, "setup", currency="usd", setup_intent_data={"metadata": {"w": "1"}})
    assert simulated.pay(session.id, "4000000000000002") == {"error": "Your card was declined."}
    simulated.pay(session.id, "4000000000000341")
    done = stripe.checkout.Session.retrieve(session.id, expand=["setup_intent"])
    assert (done.status, done.payment_status) == ("complete", "no_payment_required")
    assert isinstance(done.setup_intent, stripe.SetupIntent)
    assert done.setup_intent.metadata is not None
    assert done.setup_intent.metadata["w"] == "1"
    assert len(stripe.Customer.list_payment_methods(customer.id).data) == 1


def test_saving_a_card_with_3d_secure(simulated: SimulatedStripe, customer: stripe.Customer) -> None:
    session = begin(customer, "setup", currency="usd")
    key = simulated.pay(session.id, "4000002500003155")["redirect"].rstrip("/").rpartition("/")[2]
    simulated.client.post(f"_hosted/authentication/{key}", approve=True)
    assert stripe.checkout.Session.retrieve(session.id).status == "complete"


@pytest.mark.parametrize("number", ["4242424242424242", "4000002760003184"])
def test_subscribing(simulated: SimulatedStripe, customer: stripe.Customer, price: Price, number: str) -> None:
    items = [{"price": price(2000, "month").id, "quantity": 1}, {"price": price(500, name="Set-up").id, "quantity": 1}]
    session = begin(customer, "subscription", line_items=items, subscription_data={"metadata": {"plan": "pro"}})
    assert simulated.pay(session.id, "4000000000000002") == {"error": "Your card was declined."}
    answer = simulated.pay(session.id, number)
    if "authentication" in answer["redirect"]:
        simulated.client.post(f"_hosted/authentication/{session.id}", approve=False)
        assert stripe.checkout.Session.retrieve(session.id).status == "open"
        simulated.pay(session.id, number)
        simulated.client.post(f"_hosted/authentication/{session.id}", approve=True)
    done = stripe.checkout.Session.retrieve(session.id, expand=["subscription", "invoice.payments"])
    assert done.status == "complete"
    assert isinstance(done.subscription, stripe.Subscription)
    assert (done.subscription.status, done.subscription.metadata["plan"]) == ("active", "pro")
    assert isinstance(done.invoice, stripe.Invoice)
    assert (done.invoice.total, done.invoice.status) == (2500, "paid")
    assert done.invoice.payments is not None
    assert done.invoice.payments.data[0].amount_paid == 2500
    assert len(stripe.Subscription.list(customer=customer.id).data) == 1
    assert simulated.books()["totals"]["usd"]["charge"] == 2500


def test_leaving_it_until_it_expires(simulated: SimulatedStripe, customer: stripe.Customer, price: Price) -> None:
    recovery = {"recovery": {"enabled": True, "allow_promotion_codes": False}}
    session = pack(customer, price, after_expiration=recovery)
    other = pack(customer, price)
    assert stripe.checkout.Session.expire(other.id).status == "expired"
    assert simulated.pay(other.id) == {"expired": True}
    simulated.advance(days=2)
    expired = stripe.checkout.Session.retrieve(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    assert simulated.kinds()[-1] == "checkout.session.expired"
    assert expired.to_dict()["after_expiration"]["recovery"]["url"].endswith(f"/checkout/{session.id}/recover/")
    again = simulated.client.post(f"_hosted/checkout/{session.id}/recover")["redirect"].rstrip("/").rpartition("/")[2]
    simulated.pay(again)
    assert stripe.checkout.Session.retrieve(again).recovered_from == session.id
    assert simulated.books()["totals"]["usd"]["charge"] == 4000
    with pytest.raises(StandInError, match="no longer works"):
        simulated.client.post(f"_hosted/checkout/{other.id}/recover")


def test_codes_and_taxes(simulated: SimulatedStripe, customer: stripe.Customer, price: Price) -> None:
    rate = stripe.TaxRate.create(display_name="VAT", percentage=20, inclusive=False)
    coupon = stripe.Coupon.create(percent_off=25, duration="once")
    code = stripe.PromotionCode.create(
        promotion={"type": "coupon", "coupon": coupon.id}, code="QUARTER", max_redemptions=1
    )
    items = [{"price": price(2000).id, "quantity": 1, "tax_rates": [rate.id]}]
    sessions = [begin(customer, line_items=items, allow_promotion_codes=True) for _ in range(2)]
    assert sessions[0].amount_total == 2400
    for session in sessions:
        with pytest.raises(StandInError, match="invalid"):
            simulated.client.post(f"_hosted/checkout/{session.id}/code", code="NOTHING")
        simulated.client.post(f"_hosted/checkout/{session.id}/code", code=" quarter ")
    shown = stripe.checkout.Session.retrieve(sessions[0].id)
    assert shown.amount_total == 1800
    assert shown.total_details is not None
    assert (shown.total_details.amount_discount, shown.total_details.amount_tax) == (500, 300)
    simulated.pay(sessions[0].id)
    assert stripe.PromotionCode.retrieve(code.id).times_redeemed == 1
    assert stripe.Coupon.retrieve(coupon.id).times_redeemed == 1
    with pytest.raises(stripe.InvalidRequestError) as refused:
        begin(customer, line_items=items, discounts=[{"promotion_code": code.id}])
    assert refused.value.code == "promotion_code_expired"


def test_what_is_not_right_is_refused(simulated: SimulatedStripe, customer: stripe.Customer, price: Price) -> None:
    for more in (
        {},
        {"line_items": [{"price": price(2000, "month").id, "quantity": 1}]},
        {"line_items": [{"price": price(40).id, "quantity": 1}]},
        {"line_items": [{"price": price(2000).id, "quantity": 1}], "automatic_tax": {"enabled": True}},
        {"line_items": [{"price": price(2000).id, "quantity": 1}], "expires_at": 1},
    ):
        with pytest.raises(stripe.InvalidRequestError):
            begin(customer, **more)
    assert stripe.checkout.Session.list().data == []


def test_a_free_checkout_charges_nothing(simulated: SimulatedStripe, customer: stripe.Customer, price: Price) -> None:
    coupon = stripe.Coupon.create(percent_off=100, duration="once")
    session = pack(customer, price, discounts=[{"coupon": coupon.id}])
    assert session.payment_status == "no_payment_required"
    simulated.pay(session.id)
    done = stripe.checkout.Session.retrieve(session.id)
    assert (done.status, done.payment_intent) == ("complete", None)
    assert simulated.books()["totals"] == {}


def test_a_guest_pays(simulated: SimulatedStripe, price: Price) -> None:
    session = stripe.checkout.Session.create(
        mode="payment",
        success_url=SUCCESS,
        customer_email="guest@example.com",
        line_items=[{"price": price(2000).id, "quantity": 1}],
    )
    simulated.pay(session.id)
    done = stripe.checkout.Session.retrieve(session.id)
    assert done.customer is None
    assert done.customer_details is not None
    assert done.customer_details.email == "guest@example.com"
