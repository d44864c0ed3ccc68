"""Changes that wait for the end of the period, previews of what is to come, and what an unpaid renewal leads to."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from portal.testing.simulated import SimulatedStripe

Price = Callable[..., stripe.Price]


@pytest.fixture
def subscribe(
    customer: stripe.Customer, card: Callable[[str], stripe.PaymentMethod], price: Price
) -> Callable[..., stripe.Subscription]:
    card("pm_card_visa")

    def begin(amount: int = 3000, interval: str = "month", **more: Any) -> stripe.Subscription:
        return stripe.Subscription.create(customer=customer.id, items=[{"price": price(amount, interval).id}], **more)

    return begin


Subscribe = Callable[..., stripe.Subscription]


def again(subscription: stripe.Subscription) -> stripe.Subscription:
    return stripe.Subscription.retrieve(subscription.id)


def item(subscription: stripe.Subscription) -> stripe.SubscriptionItem:
    found: stripe.SubscriptionItem = subscription["items"].data[0]
    return found


def invoices(subscription: stripe.Subscription) -> list[stripe.Invoice]:
    return stripe.Invoice.list(subscription=subscription.id).data[::-1]


def later(subscription: stripe.Subscription, price: stripe.Price, **more: Any) -> stripe.SubscriptionSchedule:
    """As the gateway does it."""
    schedule = stripe.SubscriptionSchedule.create(from_subscription=subscription.id)
    present = schedule.phases[0]
    phases: list[Any] = [
        {
            "items": [{"price": str(present["items"][0].price), "quantity": present["items"][0].quantity}],
            "start_date": present.start_date,
            "end_date": present.end_date,
            "discounts": [{"discount": str(one.discount)} for one in present.discounts],
        },
        {
            "items": [{"price": price.id}],
            "duration": {"interval": price.recurring and price.recurring.interval},
            "proration_behavior": "none",
            **more,
        },
    ]
    return stripe.SubscriptionSchedule.modify(schedule.id, phases=phases)


@pytest.mark.parametrize(("start", "then"), [("month", "month"), ("month", "year"), ("year", "month")])
def test_a_change_waits_for_the_end_of_the_period(
    simulated: SimulatedStripe, subscribe: Subscribe, price: Price, start: str, then: str
) -> None:
    subscription = subscribe(3000, start)
    cheaper = price(1000, then, "Basic")
    schedule = later(subscription, cheaper, metadata={"plan": "basic"})
    end = item(subscription).current_period_end
    assert (schedule.status, again(subscription).schedule) == ("active", schedule.id)
    assert schedule.phases[1].start_date == end
    assert item(again(subscription)).price.id == item(subscription).price.id
    coming = stripe.Invoice.create_preview(subscription=subscription.id)
    simulated.advance(seconds=end - int(datetime.now(UTC).timestamp()) + 60)
    changed = again(subscription)
    assert (item(changed).price.id, item(changed).current_period_start) == (cheaper.id, end)
    assert changed.to_dict()["metadata"] == {"plan": "basic"}
    renewal = invoices(subscription)[-1]
    assert [line.amount for line in renewal.lines.data] == [1000], "nothing is prorated between two periods"
    assert (coming.total, coming.billing_reason) == (renewal.total, "upcoming")
    assert item(changed).current_period_end == schedule.phases[1].end_date
    simulated.advance(seconds=item(changed).current_period_end - end)
    assert (again(subscription).schedule, again(subscription).status) == (None, "active")
    assert item(again(subscription)).price.id == cheaper.id
    told = [kind for kind in simulated.kinds() if kind.startswith("subscription_schedule.")]
    assert told[:2] == ["subscription_schedule.created", "subscription_schedule.updated"]
    assert told[-1] == "subscription_schedule.completed"
    assert "subscription_schedule.expiring" in told


def test_a_released_schedule_changes_nothing(simulated: SimulatedStripe, subscribe: Subscribe, price: Price) -> None:
    subscription = subscribe()
    schedule = later(subscription, price(1000, "month", "Basic"))
    with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
        stripe.Subscription.modify(subscription.id, cancel_at_period_end=True)
    with pytest.raises(stripe.InvalidRequestError, match="already attached"):
        stripe.SubscriptionSchedule.create(from_subscription=subscription.id)
    released = stripe.SubscriptionSchedule.release(schedule.id)
    assert (released.status, released.subscription, released.released_subscription) == (
        "released",
        None,
        subscription.id,
    )
    with pytest.raises(stripe.InvalidRequestError, match="released"):
        stripe.SubscriptionSchedule.release(schedule.id)
    simulated.advance(days=32)
    assert [one.total for one in invoices(subscription)] == [3000, 3000]


def test_a_schedule_ends_with_its_subscription(simulated: SimulatedStripe, subscribe: Subscribe, price: Price) -> None:
    first, second = subscribe(), subscribe()
    schedule = later(first, price(1000, "month", "Basic"))
    stripe.Subscription.cancel(first.id)
    assert stripe.SubscriptionSchedule.retrieve(schedule.id).status == "canceled"
    ending = stripe.SubscriptionSchedule.create(from_subscription=second.id)
    stripe.SubscriptionSchedule.modify(ending.id, end_behavior="cancel")
    simulated.advance(days=32)
    assert (again(second).status, len(invoices(second))) == ("canceled", 1)


def test_what_a_schedule_does_not_simulate_is_refused(subscribe: Subscribe, price: Price) -> None:
    subscription = subscribe()
    schedule = stripe.SubscriptionSchedule.create(from_subscription=subscription.id)
    present = {"items": [{"price": item(subscription).price.id}], "end_date": schedule.phases[0].end_date}
    other = {"items": [{"price": price(1000, "month").id}], "duration": {"interval": "month"}}
    for phases in (
        [present, other, other],
        [present | {"end_date": schedule.phases[0].end_date - 1}, other],
        [present | {"items": other["items"]}, other],
        [present, other | {"items": [*other["items"], {"price": item(subscription).price.id}]}],  # type: ignore[misc]
        [present, other | {"collection_method": "send_invoice"}],
    ):
        with pytest.raises(stripe.InvalidRequestError, match="does not simulate"):
            stripe.SubscriptionSchedule.modify(schedule.id, phases=phases)  # type: ignore[arg-type]
    with pytest.raises(stripe.InvalidRequestError, match="does not simulate"):
        stripe.Subscription.modify(subscription.id, items=[{"id": item(subscription).id, "quantity": 2}])
    assert len(stripe.SubscriptionSchedule.retrieve(schedule.id).phases) == 1


def test_previews_of_the_next_and_of_every_later_invoice(
    simulated: SimulatedStripe, subscribe: Subscribe, price: Price
) -> None:
    once = stripe.Coupon.create(percent_off=50, duration="once")
    ever = stripe.Coupon.create(percent_off=10, duration="forever")
    subscription = subscribe(3000, trial_period_days=5, discounts=[{"coupon": once.id}, {"coupon": ever.id}])
    details: Any = {"items": [{"id": item(subscription).id, "price": price(6000, "month", "Max").id}]}

    def preview(**more: Any) -> stripe.Invoice:
        return stripe.Invoice.create_preview(subscription=subscription.id, subscription_details=details, **more)

    assert preview().total == 2700, "half of it, and a tenth off that"
    assert preview(preview_mode="recurring").total == 5400
    assert preview().lines.data[0].period.start == subscription.trial_end
    simulated.advance(days=6)
    details |= {"proration_behavior": "always_invoice"}
    assert 0 < preview().total < 3000
    assert preview(preview_mode="recurring").total == 5400
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Invoice.create_preview(subscription=subscription.id, subscription_details={"cancel_at_period_end": True})


@pytest.mark.parametrize("end", ["unpaid", "past_due"])
def test_the_last_retry_ends_as_is_set(
    simulated: SimulatedStripe,
    subscribe: Subscribe,
    card: Callable[[str], stripe.PaymentMethod],
    end: str,
) -> None:
    simulated.control("dunning", end=end)
    subscription = subscribe()
    card("pm_card_chargeCustomerFail")
    simulated.advance(days=31 + 15)
    late = again(subscription)
    assert (late.status, invoices(subscription)[-1].attempt_count) == (end, 4)
    simulated.advance(days=31)
    newest = invoices(subscription)[-1]
    assert newest.status == ("draft" if end == "unpaid" else "open")
    good = stripe.PaymentMethod.attach("pm_card_visa", customer=str(subscription.customer))
    stripe.Invoice.pay(str(invoices(subscription)[1].id), payment_method=good.id)
    assert again(subscription).status == end, "the newest invoice decides"
    stripe.Invoice.pay(str(newest.id), payment_method=good.id)
    assert again(subscription).status == "active"


def test_a_pending_update_is_off_when_its_invoice_is_voided(
    simulated: SimulatedStripe, subscribe: Subscribe, card: Callable[[str], stripe.PaymentMethod], price: Price
) -> None:
    subscription = subscribe()
    card("pm_card_chargeCustomerFail")
    change: Any = {
        "items": [{"id": item(subscription).id, "price": price(90000, "month", "Max").id}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
    }
    with pytest.raises(stripe.InvalidRequestError, match="not supported"):
        stripe.Subscription.modify(subscription.id, metadata={"a": "b"}, **change)
    waiting = stripe.Subscription.modify(subscription.id, **change)
    assert waiting.pending_update is not None
    stripe.Invoice.void_invoice(str(waiting.latest_invoice))
    assert again(subscription).pending_update is None
    assert simulated.kinds()[-1] == "invoice.voided"
