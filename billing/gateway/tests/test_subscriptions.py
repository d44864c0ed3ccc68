"""Subscriptions from Checkout to their end, through the gateway, with time going on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import stripe
from djstripe.models import Subscription, SubscriptionSchedule, WebhookEventTrigger

from accounts.models import Workspace
from billing.gateway import checkout
from billing.gateway.errors import NotConnected, Refused, Unavailable
from billing.gateway.subscription_changes import (
    subscription_cancel,
    subscription_change,
    subscription_change_forget,
    subscription_change_later,
    subscription_preview,
    subscription_resume,
)
from billing.gateway.subscriptions import invoices_paid_of, price_ensure, subscription
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db
BACK = checkout.Back("http://testserver/done", "http://testserver/left")
DECLINED = "4000000000000341"  # can be saved


def plan(name: str = "Pro", amount: int = 3000, interval: str = "month") -> str:
    return price_ensure(
        lookup_key=f"{name}:{interval}".lower(), name=name, amount=amount, currency="usd", interval=interval
    )


@pytest.fixture
def subscribe(simulated: SimulatedStripe, workspace: Workspace) -> Callable[..., str]:
    def begin(price: str = "", trial_days: int = 0) -> str:
        session = checkout.checkout_subscription(
            workspace=workspace,
            price=price or plan(),
            back=BACK,
            key="s1",
            metadata={"plan": "pro"},
            trial_days=trial_days,
        )
        assert "redirect" in simulated.pay(session.id)
        return str(stripe.checkout.Session.retrieve(session.id).subscription)

    return begin


Subscribe = Callable[..., str]


def now(simulated: SimulatedStripe) -> datetime:
    return datetime.fromtimestamp(simulated.client.get("_control/clock")["now"], UTC)


def pay_with(customer: str, token: str) -> None:
    method = stripe.PaymentMethod.attach(token, customer=customer)
    stripe.Customer.modify(customer, invoice_settings={"default_payment_method": method.id})
    for one in stripe.Subscription.list(customer=customer).data:
        stripe.Subscription.modify(one.id, default_payment_method=method.id)


def test_a_price_is_made_once_and_another_amount_takes_its_key(simulated: SimulatedStripe) -> None:
    first = plan(amount=2900)
    assert plan(amount=2900) == first
    dearer = plan(amount=3900)
    assert dearer != first
    assert stripe.Price.retrieve(dearer).product == stripe.Price.retrieve(first).product
    back = plan(amount=2900)
    assert back not in (first, dearer), "a price of its own, not a repetition of the first"
    assert plan(amount=2900) == back
    price_ensure(lookup_key="pro:month", name="Pro plus", amount=2900, currency="usd", interval="month")
    assert [product.name for product in stripe.Product.list().data] == ["Pro plus"]
    assert plan(interval="year") not in (first, dearer, back)


def test_what_a_subscription_is(simulated: SimulatedStripe, subscribe: Subscribe) -> None:
    key = subscribe()
    state = subscription(key)
    assert (state.status, state.price, state.interval, state.quantity) == ("active", plan(), "month", 1)
    assert state.metadata == {"plan": "pro"}
    assert state.latest_invoice is not None
    assert state.latest_invoice.paid
    assert state.paid_until == state.period_end > state.period_start
    assert (state.schedule, state.later_price, state.pending, state.trial_end) == ("", "", None, None)
    simulated.advance(days=32)
    newest, oldest = invoices_paid_of(key)
    assert (oldest.reason, newest.reason) == ("subscription_create", "subscription_cycle")
    assert [line.amount for line in newest.lines] == [3000]
    assert newest.lines[0].start == oldest.until
    assert subscription(key).paid_until == newest.until == subscription(key).period_end


def test_a_trial_is_paid_through_to_its_end(simulated: SimulatedStripe, subscribe: Subscribe) -> None:
    key = subscribe(trial_days=7)
    state = subscription(key)
    assert (state.status, state.paid_until) == ("trialing", state.trial_end)
    dear = plan("Max", 9000)
    preview = subscription_preview(key, dear, now(simulated))
    assert (preview.amount_due, preview.next_amount, preview.next_at) == (0, 9000, state.trial_end)
    changed = subscription_change(key, dear, now(simulated), idempotency_key="c1")
    assert (changed.price, changed.status) == (dear, "trialing")
    simulated.advance(days=8)
    assert [one.total for one in invoices_paid_of(key)] == [9000, 0]


@pytest.mark.parametrize(
    ("start", "name", "amount", "interval"),
    [
        ("month", "Max", 9000, "month"),
        ("month", "Basic", 1000, "month"),
        ("year", "Pro", 30000, "year"),
    ],
)
def test_a_change_now_charges_what_the_preview_said(
    simulated: SimulatedStripe, subscribe: Subscribe, start: str, name: str, amount: int, interval: str
) -> None:
    key = subscribe(plan("Start", 20000 if start == "year" else 3000, start))
    simulated.advance(days=10)
    at = now(simulated)
    wanted = plan(name, amount, interval)
    preview = subscription_preview(key, wanted, at)
    assert subscription(key).price != wanted, "a preview changes nothing"
    simulated.advance(seconds=90)  # while somebody reads it
    state = subscription_change(key, wanted, at, idempotency_key="c1")
    assert (state.price, state.pending) == (wanted, None)
    newest = invoices_paid_of(key)[0]
    assert (newest.reason, newest.total) == ("subscription_update", preview.total)
    assert [line.amount for line in newest.lines] == [line.amount for line in preview.lines]
    assert newest.amount_paid == preview.amount_due == max(preview.total, 0)
    assert state.paid_until == state.period_end
    assert abs(state.period_end - preview.next_at) <= timedelta(seconds=91)
    assert subscription_change(key, wanted, at, idempotency_key="c1") == state, "a repetition charges nothing"
    owed = stripe.Customer.retrieve(state.customer).balance
    assert owed == min(preview.total, 0)
    simulated.advance(seconds=int((state.period_end - now(simulated)).total_seconds()) + 5)
    assert invoices_paid_of(key)[0].total == preview.next_amount == amount


def test_an_upgrade_is_never_granted_unpaid(simulated: SimulatedStripe, subscribe: Subscribe) -> None:
    key = subscribe()
    before = subscription(key)
    pay_with(before.customer, "pm_card_authenticationRequired")
    dear, other = plan("Max", 90000), plan("Most", 95000)
    at = now(simulated)
    waiting = subscription_change(key, dear, at, idempotency_key="c1")
    assert (waiting.price, waiting.status, waiting.paid_until) == (before.price, "active", before.paid_until)
    assert waiting.pending is not None
    assert waiting.pending.price == dear
    assert waiting.latest_invoice is not None
    assert subscription_change(key, dear, at, idempotency_key="c1") == waiting
    off = subscription_change_forget(key)
    assert (off.pending, off.price) == (None, before.price)
    assert stripe.Invoice.retrieve(waiting.latest_invoice.id).status == "void"
    first = subscription_change(key, dear, at, idempotency_key="c2")
    second = subscription_change(key, other, at, idempotency_key="c3")
    assert second.pending is not None
    assert second.pending.price == other, "the newest wish counts"
    assert first.latest_invoice is not None
    assert second.latest_invoice is not None
    assert stripe.Invoice.retrieve(first.latest_invoice.id).status == "void"
    answer = simulated.client.post(f"_hosted/invoices/{second.latest_invoice.id}/pay", number="4000002760003184")
    intent = answer["redirect"].rstrip("/").rpartition("/")[2]
    simulated.client.post(f"_hosted/authentication/{intent}", approve=True)
    granted = subscription(key)
    assert (granted.price, granted.pending) == (other, None)
    assert simulated.books()["totals"]["usd"]["charge"] == 3000 + invoices_paid_of(key)[0].amount_paid


@pytest.mark.parametrize("interval", ["month", "year"])
def test_a_change_at_the_end_of_the_period(simulated: SimulatedStripe, subscribe: Subscribe, interval: str) -> None:
    key = subscribe()
    coupon = stripe.Coupon.create(percent_off=10, duration="forever")
    stripe.Subscription.modify(key, discounts=[{"coupon": coupon.id}])
    before, wanted = subscription(key), plan("Basic", 2000, interval)
    preview = subscription_preview(key, wanted, now(simulated), later=True)
    assert (preview.amount_due, preview.next_amount, preview.next_at) == (0, 1800, before.period_end)
    subscription_change_later(key, plan("Other", 1500), idempotency_key="l1")
    planned = subscription_change_later(key, wanted, idempotency_key="l2")
    assert (planned.price, planned.later_price) == (before.price, wanted)
    assert subscription_change_later(key, wanted, idempotency_key="l2") == planned
    assert subscription_preview(key, plan("Max", 9000), now(simulated)).amount_due > 0, "while another is planned"
    assert len(invoices_paid_of(key)) == 1
    simulated.advance(days=32)
    state = subscription(key)
    assert (state.price, state.later_price, state.period_start) == (wanted, "", before.period_end)
    assert [one.total for one in invoices_paid_of(key)] == [1800, 3000]
    assert state.paid_until == state.period_end
    # Also from the schedule's last phase, which goes on for another period.
    assert subscription_change_later(key, plan(), idempotency_key="l3").later_price == plan()


def test_a_planned_change_is_forgotten(simulated: SimulatedStripe, subscribe: Subscribe) -> None:
    key = subscribe()
    cheap = plan("Basic", 1000)
    subscription_change_later(key, cheap, idempotency_key="l1")
    assert subscription_change_forget(key).schedule == ""
    assert subscription_change_forget(key).schedule == "", "nothing is left to forget"
    subscription_change_later(key, cheap, idempotency_key="l2")
    assert subscription_change_later(key, plan(), idempotency_key="l3").later_price == ""
    subscription_change_later(key, cheap, idempotency_key="l4")
    dear = plan("Max", 9000)
    changed = subscription_change(key, dear, now(simulated), idempotency_key="c1")
    assert (changed.price, changed.later_price) == (dear, "")
    simulated.advance(days=32)
    assert subscription(key).price == dear


def test_the_end_and_taking_it_back(simulated: SimulatedStripe, subscribe: Subscribe) -> None:
    key = subscribe()
    subscription_change_later(key, plan("Basic", 1000), idempotency_key="l1")
    leaving = subscription_cancel(key, at_period_end=True)
    assert (leaving.cancel_at_period_end, leaving.later_price, leaving.status) == (True, "", "active")
    for change in (
        lambda: subscription_change(key, plan("Max", 9000), now(simulated), idempotency_key="c1"),
        lambda: subscription_change_later(key, plan("Basic", 1000), idempotency_key="l2"),
    ):
        with pytest.raises(Refused) as refused:
            change()
        assert refused.value.code == "subscription_ends"
    staying = subscription_resume(key)
    assert (staying.cancel_at_period_end, staying.canceled_at) == (False, None)
    assert subscription_resume(key) == staying
    subscription_cancel(key, at_period_end=True)
    simulated.advance(days=32)
    gone = subscription(key)
    assert (gone.status, gone.ended, gone.paid_until) == ("canceled", True, leaving.period_end)
    assert subscription_cancel(key, at_period_end=False) == gone
    with pytest.raises(Refused) as refused:
        subscription_resume(key)
    assert refused.value.code == "subscription_ended"


def test_a_renewal_that_is_not_paid_covers_nothing(simulated: SimulatedStripe, subscribe: Subscribe) -> None:
    key = subscribe()
    paid = subscription(key).paid_until
    pay_with(subscription(key).customer, "pm_card_chargeCustomerFail")
    simulated.advance(days=32)
    late = subscription(key)
    assert (late.status, late.paid_until) == ("past_due", paid)
    assert paid is not None
    assert late.period_end > paid
    pay_with(late.customer, "pm_card_visa")
    simulated.advance(days=4)
    recovered = subscription(key)
    assert (recovered.status, recovered.paid_until) == ("active", recovered.period_end)
    assert subscription_cancel(key, at_period_end=False).status == "canceled"


def test_errors_are_ours(simulated: SimulatedStripe, subscribe: Subscribe, settings: object) -> None:
    key = subscribe()
    with pytest.raises(Refused) as refused:
        subscription("sub_none")
    assert refused.value.code == "resource_missing"
    once = stripe.Price.create(unit_amount=500, currency="usd", product_data={"name": "Pack"})
    with pytest.raises(Refused):
        subscription_change(key, once.id, now(simulated), idempotency_key="c1")
    with pytest.raises(Refused, match="not recurring"):
        subscription_change_later(key, once.id, idempotency_key="l1")
    simulated.control("faults", on="subscriptions/", method="POST", afterwards=True, times=2)
    dear, at = plan("Max", 9000), now(simulated)
    with pytest.raises(Unavailable):
        subscription_change(key, dear, at, idempotency_key="c2")
    assert subscription_change(key, dear, at, idempotency_key="c2").price == dear
    assert [one.reason for one in invoices_paid_of(key)] == ["subscription_update", "subscription_create"]
    settings.STRIPE_SECRET_KEY = ""  # type: ignore[attr-defined]
    with pytest.raises(NotConnected):
        subscription(key)


@pytest.mark.django_db(transaction=True)
def test_webhooks_of_subscriptions_and_schedules_are_taken_in(connected: SimulatedStripe, workspace: Workspace) -> None:
    session = checkout.checkout_subscription(workspace=workspace, price=plan(), back=BACK, key="s1", metadata={})
    connected.pay(session.id)
    key = str(stripe.checkout.Session.retrieve(session.id).subscription)
    planned = subscription_change_later(key, plan("Basic", 1000), idempotency_key="l1")
    connected.advance(days=32)
    subscription_change_forget(key)
    connected.settle(60)
    assert Subscription.objects.get(id=key).stripe_data["items"]["data"][0]["price"]["id"] == planned.later_price
    assert SubscriptionSchedule.objects.get(id=planned.schedule).stripe_data["status"] == "released"
    assert not WebhookEventTrigger.objects.filter(processed=False).exists()
