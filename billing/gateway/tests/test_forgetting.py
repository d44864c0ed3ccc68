"""Webhooks of long ago are deleted; one that comes again after that changes nothing."""

from datetime import timedelta

import pytest
import stripe
from djstripe.models import Event, PaymentIntent, WebhookEventTrigger

from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.foundation.site.services import site_update
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


def forget(days: float) -> int:
    """As if it were so many days later."""
    with clock.at(clock.now() + days * DAY):
        (job,) = run_due(only="stripe_webhooks")
    assert job.error == ""
    return job.items


def test_webhooks_are_deleted_and_may_come_again(connected: SimulatedStripe) -> None:
    intent = stripe.PaymentIntent.create(
        amount=900, currency="usd", payment_method="pm_card_visa", confirm=True, metadata={"some": "thing"}
    )
    connected.settle(40)
    told = {"type": "customer.updated", "data": {"object": {"id": "cus_x", "object": "customer"}}}
    assert connected.control("deliveries/forge", event=told)["statuses"] == [400]
    events, requests = Event.objects.count(), WebhookEventTrigger.objects.count()
    assert requests > events > 0
    assert forget(6) == 0
    assert forget(8) == 1, "the forged one"
    assert (Event.objects.count(), WebhookEventTrigger.objects.filter(valid=False).count()) == (events, 0)
    site_update(changes={"stripe_event_days": None}, actor="test")
    assert forget(9_999) == 0
    site_update(changes={"stripe_event_days": 30}, actor="test")
    assert forget(29) == 0
    assert forget(31) == requests - 1
    assert (Event.objects.count(), WebhookEventTrigger.objects.count()) == (0, 0)
    (event,) = stripe.Event.list(type="payment_intent.succeeded").data
    connected.control("deliveries/again", event=event.id)
    connected.settle(40)
    assert [each.id for each in Event.objects.all()] == [event.id]
    assert PaymentIntent.objects.get(id=intent.id).stripe_data["status"] == "succeeded"
