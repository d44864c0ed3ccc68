"""Subscriptions as time passes: the clock is advanced, and what falls due happens at its moment."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import stripe

from portal.standin.billing.calendar import period_end
from portal.testing.simulated import SimulatedStripe

Card = Callable[[str], stripe.PaymentMethod]
Price = Callable[..., stripe.Price]
MONTHLY = {"interval": "month", "interval_count": 1}


def subscribe(customer: stripe.Customer, price: stripe.Price, **more: object) -> stripe.Subscription:
    return stripe.Subscription.create(customer=customer.id, items=[{"price": price.id}], **more)  # type: ignore[arg-type]


def invoices(subscription: stripe.Subscription) -> list[stripe.Invoice]:
    return stripe.Invoice.list(subscription=subscription.id).data[::-1]


def item(subscription: stripe.Subscription) -> stripe.SubscriptionItem:
    found: stripe.SubscriptionItem = subscription["items"].data[0]
    return found


def again(subscription: stripe.Subscription) -> stripe.Subscription:
    return stripe.Subscription.retrieve(subscription.id)


def test_months_keep_to_the_day_they_began() -> None:
    def stamp(year: int, month: int, day: int) -> int:
        return int(datetime(year, month, day, 12, tzinfo=UTC).timestamp())

    anchor = start = stamp(2027, 10, 31)
    ends = []
    for _ in range(6):
        start = period_end(anchor, MONTHLY, start)
        ends.append(datetime.fromtimestamp(start, UTC).day)
    assert ends == [30, 31, 31, 29, 31, 30]
    leap = stamp(2028, 2, 29)
    assert period_end(leap, {"interval": "year", "interval_count": 1}, leap) == stamp(2029, 2, 28)
    assert period_end(anchor, {"interval": "week", "interval_count": 2}, anchor) == anchor + 14 * 86400


def test_a_stopped_clock_moves_only_by_being_advanced(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_visa")
    start = int(datetime(2028, 1, 31, 9, 30, tzinfo=UTC).timestamp())
    simulated.control("clock/stop", at=start)
    subscription = subscribe(customer, price(2000, "month"))
    assert subscription.billing_cycle_anchor == start
    simulated.advance(days=29, seconds=1)
    assert simulated.control("clock")["now"] == start + 29 * 86400 + 1
    first, second = invoices(subscription)
    assert (first.created, second.created) == (start, int(datetime(2028, 2, 29, 9, 30, tzinfo=UTC).timestamp()))


def test_it_is_charged_now_and_every_month(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_visa")
    subscription = subscribe(customer, price(2000, "month"))
    assert subscription.status == "active"
    simulated.advance(days=95)
    made = invoices(subscription)
    assert [one.billing_reason for one in made] == ["subscription_create"] + ["subscription_cycle"] * 3
    assert [one.status for one in made] == ["paid"] * 4
    assert simulated.books()["totals"]["usd"]["charge"] == 8000
    assert made[1].created == made[0].lines.data[0].period.end == made[1].lines.data[0].period.start
    numbers = [one.number for one in made]
    assert [str(number)[-4:] for number in numbers] == ["0001", "0002", "0003", "0004"]
    assert item(again(subscription)).current_period_start == made[3].lines.data[0].period.start


def test_without_a_card_nothing_begins(simulated: SimulatedStripe, customer: stripe.Customer, price: Price) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        subscribe(customer, price(2000, "month"))
    assert stripe.Subscription.list(status="all").data == []
    assert stripe.Invoice.list().data == []


def test_a_first_payment_that_fails(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_chargeCustomerFail")
    plan = price(2000, "month")
    with pytest.raises(stripe.CardError):
        subscribe(customer, plan, payment_behavior="error_if_incomplete")
    assert stripe.Subscription.list(status="all").data == []
    subscription = subscribe(customer, plan)
    assert subscription.status == "incomplete"
    other = subscribe(customer, plan, payment_behavior="default_incomplete")
    assert other.status == "incomplete"
    stripe.Invoice.pay(
        str(other.latest_invoice), payment_method=stripe.PaymentMethod.attach("pm_card_visa", customer=customer.id).id
    )
    assert again(other).status == "active"
    simulated.advance(days=1)
    assert again(subscription).status == "incomplete_expired"
    assert invoices(subscription)[0].status == "void"


def test_a_renewal_that_fails_is_retried_and_then_ends_it(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_visa")
    subscription = subscribe(customer, price(2000, "month"))
    card("pm_card_chargeCustomerFail")
    simulated.advance(days=31)
    late = again(subscription)
    assert late.status == "past_due"
    renewal = invoices(subscription)[-1]
    assert (renewal.status, renewal.attempt_count) == ("open", 1)
    simulated.advance(days=3)
    assert invoices(subscription)[-1].attempt_count == 2
    simulated.advance(days=14)
    ended = again(subscription)
    assert (ended.status, invoices(subscription)[-1].attempt_count) == ("canceled", 4)
    assert ended.cancellation_details is not None
    assert ended.cancellation_details.reason == "payment_failed"
    assert simulated.kinds().count("invoice.payment_failed") == 4


def test_a_retry_that_succeeds_makes_it_active_again(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_visa")
    subscription = subscribe(customer, price(2000, "month"))
    card("pm_card_chargeCustomerFail")
    simulated.advance(days=31)
    card("pm_card_visa")
    simulated.advance(days=4)
    assert again(subscription).status == "active"
    assert [one.status for one in invoices(subscription)] == ["paid", "paid"]


def test_cancelling_at_the_end_and_taking_that_back(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_visa")
    subscription = subscribe(customer, price(2000, "month"))
    leaving = stripe.Subscription.modify(subscription.id, cancel_at_period_end=True)
    assert leaving.cancel_at == item(leaving).current_period_end
    assert stripe.Subscription.modify(subscription.id, cancel_at_period_end=False).cancel_at is None
    stripe.Subscription.modify(subscription.id, cancel_at_period_end=True)
    simulated.advance(days=32)
    assert again(subscription).status == "canceled"
    assert len(invoices(subscription)) == 1
    assert stripe.Subscription.list(customer=customer.id).data == []
    assert len(stripe.Subscription.list(customer=customer.id, status="canceled").data) == 1


def test_cancelling_at_once(customer: stripe.Customer, card: Card, price: Price) -> None:
    card("pm_card_visa")
    subscription = subscribe(customer, price(2000, "month"))
    assert stripe.Subscription.cancel(subscription.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Subscription.cancel(subscription.id)


def test_a_trial_costs_nothing_and_then_the_first_month(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_visa")
    subscription = subscribe(customer, price(2000, "month"), trial_period_days=14)
    assert subscription.status == "trialing"
    assert [(one.total, one.status) for one in invoices(subscription)] == [(0, "paid")]
    simulated.advance(days=12)
    assert simulated.kinds()[-1] == "customer.subscription.trial_will_end"
    simulated.advance(days=3)
    assert again(subscription).status == "active"
    assert [one.total for one in invoices(subscription)] == [0, 2000]


def test_a_trial_without_a_card_ends_as_it_was_told_to(
    simulated: SimulatedStripe, customer: stripe.Customer, price: Price
) -> None:
    plan = price(2000, "month")
    ends = {"cancel": "canceled", "pause": "paused", "create_invoice": "past_due"}
    made = {
        behavior: subscribe(
            customer, plan, trial_period_days=5, trial_settings={"end_behavior": {"missing_payment_method": behavior}}
        )
        for behavior in ends
    }
    simulated.advance(days=6)
    assert {behavior: again(one).status for behavior, one in made.items()} == ends


def test_a_dearer_plan_in_the_middle_is_charged_by_the_second(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_visa")
    subscription = subscribe(customer, price(3000, "month"))
    start, end = item(subscription).current_period_start, item(subscription).current_period_end
    simulated.advance(seconds=(end - start) // 2)
    dear = price(9000, "month", "Max")
    change = [{"id": item(subscription).id, "price": dear.id}]
    preview = stripe.Invoice.create_preview(
        subscription=subscription.id,
        subscription_details={"items": change, "proration_behavior": "always_invoice"},  # type: ignore[typeddict-item]
    )
    stripe.Subscription.modify(subscription.id, items=change, proration_behavior="always_invoice")  # type: ignore[arg-type]
    invoice = invoices(subscription)[-1]
    lines = [line.amount for line in invoice.lines.data]
    assert (invoice.billing_reason, invoice.status) == ("subscription_update", "paid")
    assert abs(lines[0] + 1500) <= 1
    assert abs(lines[1] - 4500) <= 1
    assert abs(preview.total - invoice.total) <= 1
    assert item(again(subscription)).current_period_end == end


def test_prorations_wait_for_the_next_invoice_unless_told(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_visa")
    subscription = subscribe(customer, price(3000, "month"))
    simulated.advance(days=10)
    change = [{"id": item(subscription).id, "quantity": 3}]
    stripe.Subscription.modify(subscription.id, items=change)  # type: ignore[arg-type]
    assert len(invoices(subscription)) == 1
    assert len(stripe.InvoiceItem.list(customer=customer.id, pending=True).data) == 2
    upcoming = stripe.Invoice.create_preview(subscription=subscription.id)
    assert len(upcoming.lines.data) == 3
    assert len(stripe.Invoice.list().data) == 1, "a preview makes nothing"
    simulated.advance(days=22)
    renewal = invoices(subscription)[-1]
    assert renewal.total == upcoming.total > 9000
    assert sum(line.amount for line in renewal.lines.data) == renewal.total


def test_another_interval_begins_a_new_period(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_visa")
    subscription = subscribe(customer, price(3000, "month"))
    simulated.advance(days=10)
    change = [{"id": item(subscription).id, "price": price(20000, "year").id}]
    stripe.Subscription.modify(subscription.id, items=change)  # type: ignore[arg-type]
    invoice = invoices(subscription)[-1]
    assert invoice.lines.data[0].amount < 0
    assert invoice.lines.data[1].amount == 20000
    length = item(again(subscription)).current_period_end - item(again(subscription)).current_period_start
    assert length in (365 * 86400, 366 * 86400)


def test_a_change_that_cannot_be_paid_waits_or_is_refused(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    good = card("pm_card_visa")
    cheap, dear = price(3000, "month"), price(90000, "month", "Max")
    subscription = subscribe(customer, cheap)
    card("pm_card_chargeCustomerFail")
    change = [{"id": item(subscription).id, "price": dear.id}]
    with pytest.raises(stripe.CardError):
        stripe.Subscription.modify(
            subscription.id,
            items=change,  # type: ignore[arg-type]
            proration_behavior="always_invoice",
            payment_behavior="error_if_incomplete",
        )
    assert item(again(subscription)).price.id == cheap.id
    assert len(invoices(subscription)) == 1

    def wait() -> stripe.Subscription:
        return stripe.Subscription.modify(
            subscription.id,
            items=change,  # type: ignore[arg-type]
            proration_behavior="always_invoice",
            payment_behavior="pending_if_incomplete",
        )

    waiting = wait()
    assert (item(waiting).price.id, waiting.status) == (cheap.id, "active")
    assert waiting.pending_update is not None
    simulated.advance(days=1)
    assert again(subscription).pending_update is None
    assert invoices(subscription)[-1].status == "void"
    stripe.Invoice.pay(str(wait().latest_invoice), payment_method=good.id)
    applied = again(subscription)
    assert (item(applied).price.id, applied.pending_update) == (dear.id, None)
    assert "customer.subscription.pending_update_applied" in simulated.kinds()


def test_coupons_once_for_some_months_and_for_ever(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_visa")
    plan = price(2000, "month")
    coupons = {
        "once": stripe.Coupon.create(percent_off=50, duration="once"),
        "repeating": stripe.Coupon.create(amount_off=500, currency="usd", duration="repeating", duration_in_months=2),
        "forever": stripe.Coupon.create(percent_off=10, duration="forever"),
    }
    made = {name: subscribe(customer, plan, discounts=[{"coupon": coupon.id}]) for name, coupon in coupons.items()}
    simulated.advance(days=95)
    totals = {name: [one.total for one in invoices(subscription)] for name, subscription in made.items()}
    assert totals == {
        "once": [1000, 2000, 2000, 2000],
        "repeating": [1500, 1500, 2000, 2000],
        "forever": [1800, 1800, 1800, 1800],
    }


def test_tax_rates_are_applied(simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price) -> None:
    card("pm_card_visa")
    exclusive = stripe.TaxRate.create(display_name="VAT", percentage=19, inclusive=False)
    inclusive = stripe.TaxRate.create(display_name="GST", percentage=10, inclusive=True)
    plan = price(1999, "month")
    coupon = stripe.Coupon.create(percent_off=50, duration="once")
    outside = subscribe(customer, plan, default_tax_rates=[exclusive.id], discounts=[{"coupon": coupon.id}])
    (invoice,) = invoices(outside)
    assert (invoice.subtotal, invoice.total_excluding_tax, invoice.total) == (1999, 999, 1189)
    assert invoice.total_taxes is not None
    assert (invoice.total_taxes[0].amount, invoice.total_taxes[0].taxable_amount) == (190, 999)
    inside = subscribe(customer, plan, default_tax_rates=[inclusive.id])
    (invoice,) = invoices(inside)
    assert (invoice.total, invoice.total_excluding_tax) == (1999, 1817)


def test_items_are_added_changed_and_removed(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_visa")
    subscription = subscribe(customer, price(3000, "month"))
    added = stripe.SubscriptionItem.create(
        subscription=subscription.id, price=price(500, "month", "Seat").id, quantity=2
    )
    assert stripe.SubscriptionItem.modify(added.id, quantity=4).quantity == 4
    assert stripe.SubscriptionItem.retrieve(added.id).quantity == 4
    assert len(stripe.SubscriptionItem.list(subscription=subscription.id).data) == 2
    assert stripe.SubscriptionItem.delete(added.id).deleted
    assert len(again(subscription)["items"].data) == 1


def test_a_paused_collection_is_not_charged(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    card("pm_card_visa")
    subscription = subscribe(customer, price(3000, "month"))
    stripe.Subscription.modify(subscription.id, pause_collection={"behavior": "void"})
    simulated.advance(days=32)
    assert [one.status for one in invoices(subscription)] == ["paid", "void"]
    assert simulated.books()["totals"]["usd"]["charge"] == 3000


def test_a_story_of_the_past_is_told_from_there(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card, price: Price
) -> None:
    """The clock goes back, what falls due up to the present happens in order, and none of it again."""
    stripe.WebhookEndpoint.create(url="http://127.0.0.1:9/nobody", enabled_events=["*"])
    card("pm_card_visa")
    simulated.control("deliveries", held=True)
    simulated.control("clock", ahead=-70 * 86_400)
    begun = subscribe(customer, price(2_000, "month"))
    simulated.control("clock", ahead=0)
    assert [one.amount_paid for one in invoices(begun)] == [2_000, 2_000, 2_000]
    created = [one.created for one in invoices(begun)]
    assert created[0] == begun.created
    assert created == sorted(created)
    simulated.control("clock", ahead=-10 * 86_400)
    simulated.control("clock", ahead=0)
    assert len(invoices(begun)) == 3
    assert simulated.client.get("_control/deliveries")["waiting"]
    simulated.control("deliveries/drop")
    assert simulated.client.get("_control/deliveries")["idle"]
    assert stripe.Event.list(limit=100).data[0].pending_webhooks == 0
