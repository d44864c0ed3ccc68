"""Webhooks through dj-stripe: late, twice, in any order, stale or forged, they end in what Stripe knows."""

import time

import pytest
import stripe
from django.conf import LazySettings
from djstripe.models import Charge, Dispute, Event, PaymentIntent, Refund, Subscription, WebhookEventTrigger

from portal.standin.app import Reply
from portal.standin.server import Handler
from portal.testing.simulated import SimulatedStripe, wait_until


def buy(amount: int = 2000, **more: object) -> stripe.PaymentIntent:
    customer = stripe.Customer.create(email="ada@example.com", name="Ada Lane")
    return stripe.PaymentIntent.create(
        amount=amount,
        currency="usd",
        customer=customer.id,
        payment_method="pm_card_visa",
        confirm=True,
        setup_future_usage="off_session",
        **more,  # type: ignore[arg-type]
    )


def test_everything_arrives_and_is_synced(connected: SimulatedStripe) -> None:
    intent = buy(metadata={"purchase": "7"})
    stripe.Refund.create(payment_intent=intent.id, amount=500)
    connected.settle()
    row = PaymentIntent.objects.get(id=intent.id)
    assert (row.stripe_data["status"], row.stripe_data["metadata"]) == ("succeeded", {"purchase": "7"})
    charge = Charge.objects.get(id=str(intent.latest_charge))
    assert charge.stripe_data["amount_refunded"] == 500
    assert not WebhookEventTrigger.objects.filter(processed=False, exception__gt="").exists()
    for event in stripe.Event.list(limit=100).auto_paging_iter():
        assert event.pending_webhooks == 0
    assert Refund.objects.count() == 0, "dj-stripe 2.11 keeps no refunds of today's API; who needs them asks"


def test_a_storm_of_copies_in_any_order(connected: SimulatedStripe) -> None:
    connected.control("deliveries", shuffle=True, copies=3, delay=[0, 0.3])
    intents = [buy(1000 + number) for number in range(3)]
    dispute = connected.control("disputes", payment_intent=intents[0].id)
    connected.control("disputes/decide", dispute=dispute["id"], outcome="won")
    connected.settle(60)
    assert {row.stripe_data["status"] for row in PaymentIntent.objects.all()} == {"succeeded"}
    assert PaymentIntent.objects.count() == 3
    assert Dispute.objects.get(id=dispute["id"]).stripe_data["status"] == "won"
    assert WebhookEventTrigger.objects.filter(processed=True).count() >= 3 * Event.objects.count()


def test_a_subscription_with_its_invoices(connected: SimulatedStripe) -> None:
    customer = stripe.Customer.create(email="ada@example.com")
    method = stripe.PaymentMethod.attach("pm_card_visa", customer=customer.id)
    price = stripe.Price.create(
        unit_amount=2000, currency="usd", recurring={"interval": "month"}, product_data={"name": "Pro"}
    )
    made = stripe.Subscription.create(
        customer=customer.id, items=[{"price": price.id}], default_payment_method=method.id
    )
    connected.advance(days=32)
    connected.settle(60)
    row = Subscription.objects.get(id=made.id)
    assert row.stripe_data["status"] == "active"
    assert row.customer.id == customer.id
    assert not WebhookEventTrigger.objects.filter(processed=False).exists()


def test_a_forged_signature_is_refused(connected: SimulatedStripe) -> None:
    forged = {"type": "payment_intent.succeeded", "data": {"object": {"id": "pi_x", "object": "payment_intent"}}}
    assert connected.control("deliveries/forge", event=forged)["statuses"] == [400]
    assert connected.control("deliveries/forge", event=forged, signed=True, ago=400)["statuses"] == [400]
    assert Event.objects.count() == 0


def test_with_debug_on_nobody_brings_his_own_secret(connected: SimulatedStripe, settings: LazySettings) -> None:
    settings.DEBUG = True
    forged = {"type": "customer.updated", "data": {"object": {"id": "cus_x", "object": "customer"}}}
    headers = {"X-Djstripe-Webhook-Secret": "whsec_mine"}
    answer = connected.control("deliveries/forge", event=forged, secret="whsec_mine", headers=headers)
    assert answer["statuses"] == [400]
    assert Event.objects.count() == 0
    assert "X-Djstripe-Webhook-Secret" not in WebhookEventTrigger.objects.get().headers


def test_a_stale_payload_ends_in_what_stripe_knows(connected: SimulatedStripe) -> None:
    intent = buy()
    connected.settle()
    stale = intent.to_dict() | {"status": "processing", "amount": 1}
    event = {"type": "payment_intent.processing", "data": {"object": stale}, "api_version": "2026-05-27.dahlia"}
    event |= {"pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}}
    assert connected.control("deliveries/forge", event=event, signed=True)["statuses"] == [200]
    row = PaymentIntent.objects.get(id=intent.id).stripe_data
    assert (row["status"], row["amount"]) == ("succeeded", 2000)


def test_what_could_not_be_delivered_survives_a_restart(connected: SimulatedStripe) -> None:
    stripe.api_base = connected.url
    endpoint = stripe.WebhookEndpoint.list().data[0]
    stripe.WebhookEndpoint.modify(endpoint.id, url="http://127.0.0.1:9/nobody")
    intent = buy()
    wait_until(lambda: any(one["attempts"] for one in connected.client.get("_control/deliveries")["waiting"]))
    waiting = len(connected.client.get("_control/deliveries")["waiting"])
    connected.restart()
    assert len(connected.client.get("_control/deliveries")["waiting"]) == waiting > 0
    stripe.WebhookEndpoint.modify(endpoint.id, url=endpoint.url)
    connected.control("deliveries", hurry=True)
    connected.settle(40)
    assert PaymentIntent.objects.get(id=intent.id).stripe_data["status"] == "succeeded"
    assert connected.books()["totals"]["usd"]["charge"] == 2000


def test_a_receiver_that_fails_gets_it_again(connected: SimulatedStripe) -> None:
    """While the API does not answer, dj-stripe fails; the retry finds it well."""
    connected.control("deliveries", held=True)
    intent = buy()
    connected.control("faults", on="payment_intents/", method="GET", times=2)
    connected.control("deliveries")
    connected.settle(40)
    assert PaymentIntent.objects.get(id=intent.id).stripe_data["status"] == "succeeded"
    statuses = {one["status"] for one in connected.client.get("_control/deliveries")["done"]}
    assert statuses == {200, 500}


def test_the_reply_comes_before_the_webhook(connected: SimulatedStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a caller who holds a lock that the receiver wants would wait for himself."""
    delivered: list[int] = []

    def slow(handler: Handler, reply: Reply, original: object = Handler._send) -> None:
        time.sleep(0.3)
        delivered.append(len(connected.server.courier.log))
        original(handler, reply)  # type: ignore[operator]

    with monkeypatch.context() as patched:
        patched.setattr(Handler, "_send", slow)
        buy()
    assert delivered[-1] < len(stripe.Event.list(limit=100).data)
    assert delivered[0] == 0, "the customer's event waited for the reply"
    connected.settle(40)
    assert PaymentIntent.objects.count() == 1


def test_an_event_that_comes_again_much_later_changes_nothing(connected: SimulatedStripe) -> None:
    intent = buy()
    connected.settle(40)
    (event,) = stripe.Event.list(type="payment_intent.succeeded").data
    stripe.Refund.create(payment_intent=intent.id)
    connected.settle(40)
    connected.control("deliveries/again", event=event.id)
    connected.settle(40)
    assert Event.objects.filter(id=event.id).count() == 1
    assert WebhookEventTrigger.objects.filter(event__id=event.id).count() == 2
    assert Charge.objects.get(id=str(intent.latest_charge)).stripe_data["refunded"] is True
