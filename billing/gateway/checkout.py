"""Where a customer pays, subscribes, saves a card or looks after all that: pages of Stripe, reached by a redirect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import stripe

from accounts.models import Workspace
from billing.gateway.client import how
from billing.gateway.customers import for_customer
from billing.gateway.errors import Refused, translated

SESSION_ID = "{CHECKOUT_SESSION_ID}"  # Stripe puts the session's id in its place in `success_url`


@dataclass(frozen=True)
class Line:
    """What is bought once: `amount` in the currency's smallest unit, for one, with tax in it."""

    name: str
    amount: int
    quantity: int = 1


@dataclass(frozen=True)
class Session:
    id: str
    url: str
    customer: str
    expires_at: int  # seconds since 1970


@dataclass(frozen=True)
class Back:
    """Where the customer comes back to."""

    success: str
    cancel: str


def checkout_payment(
    *,
    workspace: Workspace,
    lines: Sequence[Line],
    currency: str,
    back: Back,
    key: str,
    metadata: Mapping[str, str],
    email: str = "",
    save_card: bool = True,
) -> Session:
    """To pay `lines` once. `metadata` goes onto session and payment; what to credit is found by it.

    With `save_card` the card is kept, and Checkout offers those that were kept before: unless asked to, Stripe shows
    only cards whose owner ticked a box there.
    """
    items = [
        {
            "quantity": line.quantity,
            "price_data": {
                "currency": currency,
                "unit_amount": line.amount,
                "tax_behavior": "inclusive",
                "product_data": {"name": line.name},
            },
        }
        for line in lines
    ]
    intent: dict[str, Any] = {"metadata": dict(metadata), "description": ", ".join(line.name for line in lines)}
    if save_card:
        intent["setup_future_usage"] = "off_session"
    given: dict[str, Any] = {"line_items": items, "payment_intent_data": intent, "metadata": dict(metadata)}
    if save_card:
        given["saved_payment_method_options"] = {"allow_redisplay_filters": ["always", "limited", "unspecified"]}
    return _begin(workspace, "payment", given, back=back, key=key, email=email)


def checkout_setup(
    *, workspace: Workspace, currency: str, back: Back, key: str, metadata: Mapping[str, str], email: str = ""
) -> Session:
    """To save a card. Raises GatewayError."""
    given = {"currency": currency, "setup_intent_data": {"metadata": dict(metadata)}, "metadata": dict(metadata)}
    return _begin(workspace, "setup", given, back=back, key=key, email=email)


def checkout_subscription(
    *,
    workspace: Workspace,
    price: str,
    back: Back,
    key: str,
    metadata: Mapping[str, str],
    email: str = "",
    trial_days: int = 0,
) -> Session:
    """To subscribe to the price of that id. Raises GatewayError."""
    subscription: dict[str, Any] = {"metadata": dict(metadata)}
    if trial_days:
        subscription["trial_period_days"] = trial_days
    items = [{"price": price, "quantity": 1}]
    given = {"line_items": items, "subscription_data": subscription, "metadata": dict(metadata)}
    return _begin(workspace, "subscription", given, back=back, key=key, email=email)


def _begin(workspace: Workspace, mode: Any, given: dict[str, Any], *, back: Back, key: str, email: str) -> Session:
    def begin(customer: str) -> Session:
        with translated():
            made = stripe.checkout.Session.create(
                mode=mode,
                customer=customer,
                client_reference_id=workspace.public_id,
                success_url=back.success,
                cancel_url=back.cancel,
                **given,
                **how(f"checkout:{key}:{customer}"),
            )
        return Session(made.id, str(made.url), customer, made.expires_at)

    return for_customer(workspace, email, begin)


def checkout_expire(session: str) -> bool:
    """Close an open session, so that it cannot be paid any more. False when it was paid or closed before."""
    with translated():
        if stripe.checkout.Session.retrieve(session, **how()).status != "open":
            return False
    try:
        with translated():
            return stripe.checkout.Session.expire(session, **how()).status == "expired"
    except Refused:  # somebody paid since we looked
        with translated():
            if stripe.checkout.Session.retrieve(session, **how()).status != "open":
                return False
        raise


def portal_url(*, workspace: Workspace, return_url: str, email: str = "") -> str:
    """The customer portal: cards, subscriptions, invoices. Good for a short time. Raises GatewayError."""

    def begin(customer: str) -> str:
        with translated():
            return stripe.billing_portal.Session.create(customer=customer, return_url=return_url, **how()).url

    return for_customer(workspace, email, begin)
