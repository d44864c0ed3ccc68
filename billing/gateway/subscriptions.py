"""Subscriptions as Stripe knows them now. Amounts in the currency's smallest unit, times aware.

A subscription of ours has one item. Its period is read from the item, and what was paid from the invoices: dj-stripe
2.11 looks for both where today's API has them no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import stripe

from billing.foundation import hostclock
from billing.gateway.client import how
from billing.gateway.errors import translated

FAILING = {"past_due", "unpaid"}
ENDED = {"canceled", "incomplete_expired"}


@dataclass(frozen=True)
class InvoiceLine:
    """`amount` before discounts and taxes, below zero for what is given back. `price` is empty for what has none."""

    amount: int
    description: str
    price: str
    start: datetime
    end: datetime
    proration: bool


@dataclass(frozen=True)
class PaidInvoice:
    """An invoice on which nothing is open; that of a trial comes to nothing."""

    id: str
    number: str
    reason: str  # subscription_create, subscription_cycle, subscription_update, manual …
    currency: str
    total: int
    amount_paid: int
    created: datetime
    paid_at: datetime | None
    lines: tuple[InvoiceLine, ...]  # those of the subscription

    @property
    def until(self) -> datetime | None:
        """The end of what was charged on it. What is given back reaches as far, and does not count."""
        return max((line.end for line in self.lines if line.amount >= 0), default=None)


@dataclass(frozen=True)
class Invoice:
    id: str
    status: str  # draft, open, paid, void, uncollectible
    url: str  # where it can be paid, 3-D Secure included
    amount_due: int
    currency: str
    confirm: bool = False  # the bank wants the cardholder to confirm its payment (3-D Secure)

    @property
    def paid(self) -> bool:
        return self.status == "paid"


@dataclass(frozen=True)
class Pending:
    """A change that waits for its payment: `latest_invoice.url` takes it."""

    price: str
    expires_at: datetime


@dataclass(frozen=True)
class SubscriptionState:
    """What Stripe answered. Of two answers the one that was asked for later counts, in whatever order they arrive."""

    asked_at: datetime = field(compare=False)  # by the database's clock, before the question was sent
    id: str
    status: str  # incomplete, incomplete_expired, trialing, active, past_due, unpaid, paused, canceled
    customer: str
    price: str
    lookup_key: str  # of the price
    interval: str  # day, week, month, year
    quantity: int
    anchor: datetime  # which its periods are counted from; in a trial, and those after it, from the trial's end
    period_start: datetime
    period_end: datetime
    trial_end: datetime | None
    cancel_at_period_end: bool
    cancel_at: datetime | None  # with its period's end, or at another time
    canceled_at: datetime | None
    ended_at: datetime | None
    latest_invoice: Invoice | None
    paid_until: datetime | None
    pending: Pending | None
    schedule: str  # empty without one
    later_price: str  # what it changes to at the end of the period; empty if it does not
    later_key: str  # the lookup key of that
    metadata: dict[str, str]

    @property
    def ended(self) -> bool:
        return self.status in ENDED


def price_ensure(*, lookup_key: str, name: str, amount: int, currency: str, interval: str) -> str:
    """The id of the recurring price with this key; made at Stripe if it is not there or has become another.

    Prices cannot be changed: another amount makes another price, which takes the key over, and who subscribed to the
    old one keeps it. `name` is the product's, on receipts and in Checkout. Raises GatewayError.
    """
    with translated():
        listed = stripe.Price.list(lookup_keys=[lookup_key], expand=["data.product"], **how())
        found = listed.data[0] if listed.data else None
        if found is not None:
            _name_product(found.product, name)
            if _is(found, amount, currency, interval):
                return found.id
        # With the predecessor in the key, going back to an earlier amount is not taken for a repetition.
        before = found.id if found is not None else "none"
        product: Any = {"product": _product_id(found.product)} if found else {"product_data": {"name": name}}
        made = stripe.Price.create(
            unit_amount=amount,
            currency=currency,
            recurring={"interval": interval},
            lookup_key=lookup_key,
            transfer_lookup_key=True,
            tax_behavior="inclusive",
            **product,
            **how(f"price:{lookup_key}:{before}:{amount}:{currency}:{interval}"),
        )
    return made.id


def _is(price: stripe.Price, amount: int, currency: str, interval: str) -> bool:
    every = price.recurring
    same_interval = every is not None and (every.interval, every.interval_count) == (interval, 1)
    return price.active and same_interval and (price.unit_amount, price.currency) == (amount, currency)


def _product_id(product: Any) -> str:
    return product if isinstance(product, str) else str(product.id)


def _name_product(product: Any, name: str) -> None:
    if isinstance(product, stripe.Product) and product.name != name:
        stripe.Product.modify(product.id, name=name, **how())


def subscription(key: str) -> SubscriptionState:
    """As it is now. Raises GatewayError: Refused when there is none of that id."""
    with translated():
        return answered(key)


def answered(key: str) -> SubscriptionState:
    """As it is now, asked for anew: after whatever the caller had Stripe do. To be called within `translated`."""
    asked_at = hostclock.database()
    return _state_of(retrieved(key), asked_at)


def subscription_of_session(session: str) -> tuple[str, str]:
    """The status of a Checkout session (open, complete, expired), and the id of the subscription that it began, empty
    if it has not. Raises GatewayError.
    """
    with translated():
        found = stripe.checkout.Session.retrieve(session, **how())
    begun = found.subscription
    return str(found.status), "" if begun is None else begun if isinstance(begun, str) else begun.id


def retrieved(key: str) -> stripe.Subscription:
    return stripe.Subscription.retrieve(key, expand=["latest_invoice", "schedule"], **how())


def _state_of(found: stripe.Subscription, asked_at: datetime) -> SubscriptionState:
    """Of one that was `retrieved`; asks for its invoices."""
    item = item_of(found)
    schedule = found.schedule if isinstance(found.schedule, stripe.SubscriptionSchedule) else None
    later = _later_price(schedule) if schedule else ""
    return SubscriptionState(
        asked_at=asked_at,
        id=found.id,
        status=str(found.status),
        customer=str(found.customer),
        price=item.price.id,
        lookup_key=item.price.lookup_key or "",
        interval=str(item.price.recurring.interval) if item.price.recurring else "",
        quantity=item.quantity or 1,
        anchor=_at(found.billing_cycle_anchor),
        period_start=_at(item.current_period_start),
        period_end=_at(item.current_period_end),
        trial_end=_perhaps(found.trial_end),
        cancel_at_period_end=found.cancel_at_period_end,
        cancel_at=_perhaps(found.cancel_at),
        canceled_at=_perhaps(found.canceled_at),
        ended_at=_perhaps(found.ended_at),
        latest_invoice=_latest_invoice(found),
        paid_until=paid_until(_paid_of(found.id)),
        pending=_pending(found),
        schedule=schedule.id if schedule else "",
        later_price=later,
        later_key=_lookup_key(later) if later else "",
        metadata=found.metadata.to_dict(),
    )


def item_of(found: stripe.Subscription) -> stripe.SubscriptionItem:
    item: stripe.SubscriptionItem = found["items"].data[0]
    return item


def _latest_invoice(of: stripe.Subscription) -> Invoice | None:
    """Of one that is not paid it is asked why."""
    found = of.latest_invoice
    if not isinstance(found, stripe.Invoice):
        return None
    failing = of.status in FAILING and found.status == "open"
    return Invoice(
        id=str(found.id),
        status=str(found.status),
        url=found.hosted_invoice_url or "",
        amount_due=found.amount_due,
        currency=str(found.currency),
        confirm=failing and _is_to_be_confirmed(str(found.id)),
    )


def _is_to_be_confirmed(invoice: str) -> bool:
    found = stripe.InvoicePayment.list(invoice=invoice, status="open", expand=["data.payment.payment_intent"], **how())
    return any(_waits_for_the_cardholder(getattr(one.payment, "payment_intent", None)) for one in found.data)


def _waits_for_the_cardholder(intent: Any) -> bool:
    if not isinstance(intent, stripe.PaymentIntent):
        return False
    error = intent.last_payment_error
    return intent.status == "requires_action" or bool(error and error.code == "authentication_required")


def _pending(found: stripe.Subscription) -> Pending | None:
    waiting = found.pending_update
    if waiting is None or not waiting.subscription_items:
        return None
    return Pending(waiting.subscription_items[0].price.id, _at(waiting.expires_at))


def _later_price(schedule: stripe.SubscriptionSchedule) -> str:
    now = schedule.current_phase
    later = [phase for phase in schedule.phases if now and phase.start_date > now.start_date]
    return str(later[0]["items"][0].price) if later else ""


def _lookup_key(price: str) -> str:
    return stripe.Price.retrieve(price, **how()).lookup_key or ""


def invoices_paid_of(key: str) -> list[PaidInvoice]:
    """Those of the subscription of this id on which nothing is open, newest first. Raises GatewayError."""
    with translated():
        return _paid_of(key)


def _paid_of(key: str) -> list[PaidInvoice]:
    found = stripe.Invoice.list(subscription=key, status="paid", limit=100, **how())
    return [_paid_invoice(one, key) for one in found.auto_paging_iter()]


def _paid_invoice(found: stripe.Invoice, key: str) -> PaidInvoice:
    return PaidInvoice(
        id=str(found.id),
        number=found.number or "",
        reason=str(found.billing_reason),
        currency=found.currency,
        total=found.total,
        amount_paid=found.amount_paid,
        created=_at(found.created),
        paid_at=_perhaps(found.status_transitions.paid_at),
        lines=lines_of(found, key),
    )


def paid_until(invoices: Sequence[PaidInvoice]) -> datetime | None:
    """The end of what is paid. The newest invoice decides, not the farthest end: who changes from a year to a month has
    the rest of the year given back. None when nothing was ever paid.
    """
    newest_first = sorted(invoices, key=lambda one: one.created, reverse=True)
    return next((one.until for one in newest_first if one.until is not None), None)


def lines_of(invoice: stripe.Invoice, key: str) -> tuple[InvoiceLine, ...]:
    """The lines that belong to the subscription."""
    found = []
    for line in invoice.lines.auto_paging_iter():
        details = line.parent.subscription_item_details if line.parent else None
        if details is None or details.subscription != key:
            continue
        priced = line.pricing.price_details if line.pricing else None
        found.append(
            InvoiceLine(
                amount=line.amount,
                description=line.description or "",
                price=str(priced.price) if priced else "",
                start=_at(line.period.start),
                end=_at(line.period.end),
                proration=details.proration,
            )
        )
    return tuple(found)


def _at(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)


def _perhaps(stamp: int | None) -> datetime | None:
    return None if stamp is None else _at(stamp)
