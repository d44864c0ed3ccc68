"""Changing subscriptions: what it would cost, now, at the end of the period, and the end itself.

The newest wish counts: a change that waits for the end of the period or for its payment is forgotten by the next one.
Every function answers with what Stripe knows afterwards, so that a repetition after Unavailable is harmless.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import stripe

from billing.gateway.client import how
from billing.gateway.errors import Refused, translated
from billing.gateway.subscriptions import ENDED, InvoiceLine, SubscriptionState, answered, item_of, lines_of, retrieved


@dataclass(frozen=True)
class Preview:
    """What a change costs at its moment, and then every period."""

    amount_due: int  # charged at once
    total: int  # of that invoice; what is below zero stays in the customer's balance for later ones
    lines: tuple[InvoiceLine, ...]
    currency: str
    next_amount: int  # of each later invoice, with taxes and lasting discounts, without what is in the balance
    next_at: datetime  # of the first of them


def subscription_preview(key: str, price: str, at: datetime, *, later: bool = False) -> Preview:
    """What `subscription_change` to `price`, of the same interval, at the second `at` charges; or, `later`, what the
    change at the period's end does.

    In a trial nothing is charged before it ends. Raises GatewayError.
    """
    with translated():
        found = retrieved(key)
        item = item_of(found)
        changed: Any = [{"id": item.id, "price": price}]
        every = stripe.Invoice.create_preview(
            subscription=key,
            subscription_details={"items": changed, "proration_behavior": "none"},
            preview_mode="recurring",
            **how(),
        )
        next_at = datetime.fromtimestamp(item.current_period_end, UTC)
        if later or found.status == "trialing":
            return Preview(0, 0, (), every.currency, every.total, next_at)
        now = stripe.Invoice.create_preview(
            subscription=key,
            subscription_details={
                "items": changed,
                "proration_behavior": "always_invoice",
                "proration_date": int(at.timestamp()),
            },
            **how(),
        )
        lines = lines_of(now, key)
    return Preview(now.amount_due, now.total, lines, now.currency, every.total, next_at)


def subscription_change(key: str, price: str, at: datetime, *, idempotency_key: str) -> SubscriptionState:
    """Change to `price`, of the same interval, now and charge the difference as of the second `at`, as the preview with
    the same `at` said.

    Nothing changes before the money is there: until then `price` of the answer is the old one, `pending` says how long
    Stripe waits, and `latest_invoice.url` is where the customer pays. Raises Refused (`subscription_ends`: resume it
    first), and the other GatewayErrors.
    """
    with translated():
        found = _going_on(key)
        if found.pending_update and _pending_price(found) == price:
            return answered(key)  # asked for already
        _forget(found)
        item = item_of(found)
        if item.price.id != price:
            changed: Any = [{"id": item.id, "price": price}]
            # By default Stripe would grant an unpaid upgrade; `error_if_incomplete` would not, but then a bank that
            # asks for 3-D Secure could never be answered.
            stripe.Subscription.modify(
                key,
                items=changed,
                proration_behavior="always_invoice",
                proration_date=int(at.timestamp()),
                payment_behavior="pending_if_incomplete",
                **how(f"subscription-change:{idempotency_key}"),
            )
        return answered(key)


def subscription_change_later(key: str, price: str, *, idempotency_key: str) -> SubscriptionState:
    """Change to `price` at the end of the present period; nothing is charged or given back before. The present price
    means: change nothing. Raises Refused (`subscription_ends`: resume it first), and the other GatewayErrors.
    """
    with translated():
        found = _going_on(key)
        if item_of(found).price.id == price:
            _forget(found)
            return answered(key)
        _forget_pending(found)
        schedule = found.schedule
        if not isinstance(schedule, stripe.SubscriptionSchedule):
            schedule = stripe.SubscriptionSchedule.create(
                from_subscription=key, **how(f"subscription-schedule:{idempotency_key}")
            )
        stripe.SubscriptionSchedule.modify(
            schedule.id,
            end_behavior="release",
            proration_behavior="none",
            phases=[_present(schedule, found), _coming(schedule, found, price)],
            **how(f"subscription-later:{idempotency_key}"),
        )
        return answered(key)


def _present(schedule: stripe.SubscriptionSchedule, found: stripe.Subscription) -> Any:
    item, now = item_of(found), _current(schedule)
    phase = {"start_date": now.start_date, "end_date": item.current_period_end, **_terms(now)}
    if found.status == "trialing" and found.trial_end:
        phase["trial_end"] = found.trial_end
    return phase | {"items": [{"price": item.price.id, "quantity": item.quantity or 1}]}


def _coming(schedule: stripe.SubscriptionSchedule, found: stripe.Subscription, price: str) -> Any:
    every = stripe.Price.retrieve(price, **how()).recurring
    if every is None:
        raise Refused("that price is not recurring", "not_recurring", "price")
    return {
        "items": [{"price": price, "quantity": item_of(found).quantity or 1}],
        "duration": {"interval": every.interval, "interval_count": every.interval_count},
        "proration_behavior": "none",
        **_terms(_current(schedule)),
    }


def _current(schedule: stripe.SubscriptionSchedule) -> Any:
    now = schedule.current_phase
    return next(phase for phase in schedule.phases if now is None or phase.start_date == now.start_date)


def _terms(phase: Any) -> dict[str, Any]:
    """What a phase would lose that does not name it."""
    given = {
        "discounts": [{"discount": str(one.discount)} for one in phase.discounts if one.discount],
        "default_tax_rates": [rate.id for rate in phase.default_tax_rates or []],
    }
    return {name: value for name, value in given.items() if value}


def subscription_change_forget(key: str) -> SubscriptionState:
    """Stay with the present price: what waits for the period's end or for its payment is off. Raises GatewayError."""
    with translated():
        _forget(retrieved(key))
        return answered(key)


def _forget(found: stripe.Subscription) -> None:
    _forget_pending(found)
    if isinstance(found.schedule, stripe.SubscriptionSchedule):
        stripe.SubscriptionSchedule.release(found.schedule.id, **how())


def _forget_pending(found: stripe.Subscription) -> None:
    """Voiding its invoice is how Stripe takes a pending update back."""
    if found.pending_update and isinstance(found.latest_invoice, stripe.Invoice):
        stripe.Invoice.void_invoice(str(found.latest_invoice.id), **how())


def _pending_price(found: stripe.Subscription) -> str:
    waiting = found.pending_update
    return waiting.subscription_items[0].price.id if waiting and waiting.subscription_items else ""


def subscription_cancel(key: str, *, at_period_end: bool) -> SubscriptionState:
    """End it with its period, or at once (nothing is given back). One that has ended stays so. Raises GatewayError."""
    with translated():
        found = retrieved(key)
        if found.status not in ENDED:
            _forget(found)  # Stripe does not let a scheduled subscription end
            if at_period_end:
                stripe.Subscription.modify(key, cancel_at_period_end=True, **how())
            else:
                stripe.Subscription.cancel(key, **how())
        return answered(key)


def subscription_resume(key: str) -> SubscriptionState:
    """Take back that it ends with its period. Raises Refused (`subscription_ended`) when it has, and GatewayErrors."""
    with translated():
        found = retrieved(key)
        if found.status in ENDED:
            raise Refused("the subscription has ended", "subscription_ended")
        if found.cancel_at_period_end:
            stripe.Subscription.modify(key, cancel_at_period_end=False, **how())
        return answered(key)


def _going_on(key: str) -> stripe.Subscription:
    found = retrieved(key)
    if found.status in ENDED:
        raise Refused("the subscription has ended", "subscription_ended")
    if found.cancel_at_period_end:
        raise Refused("the subscription ends with its period", "subscription_ends")
    return found
