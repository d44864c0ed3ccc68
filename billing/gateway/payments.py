"""Charges without the customer present, refunds, and what has become of a payment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import stripe

from accounts.models import Workspace
from billing.gateway.client import how
from billing.gateway.customers import customer_id
from billing.gateway.errors import Refused, translated


@dataclass(frozen=True)
class Payment:
    """A PaymentIntent. Amounts in the currency's smallest unit."""

    id: str
    status: str  # succeeded, processing, requires_payment_method, requires_action, canceled
    amount: int
    received: int
    refunded: int
    currency: str
    metadata: dict[str, str]

    @property
    def paid(self) -> bool:
        return self.status == "succeeded"


@dataclass(frozen=True)
class Refund:
    id: str
    status: str
    amount: int
    payment: str
    metadata: dict[str, str]


@dataclass(frozen=True)
class Card:
    id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    default: bool


def charge_off_session(
    *,
    workspace: Workspace,
    amount: int,
    currency: str,
    method: str,
    description: str,
    metadata: Mapping[str, str],
    key: str,
) -> Payment:
    """Charge a saved card. After Unavailable ask again with the same `key`: it is charged once.

    Raises AuthenticationNeeded, CardRefused and the other GatewayErrors.
    """
    customer = customer_id(workspace)
    if customer is None:
        raise Refused("the workspace has never saved a card", "no_customer")
    with translated():
        intent = stripe.PaymentIntent.create(
            amount=amount,
            currency=currency,
            customer=customer,
            payment_method=method,
            off_session=True,
            confirm=True,
            description=description,
            metadata=dict(metadata),
            expand=["latest_charge"],
            **how(f"charge:{key}"),
        )
    return payment_from(intent)


def payment(key: str) -> Payment:
    """As Stripe knows it now. Raises GatewayError."""
    with translated():
        return payment_from(stripe.PaymentIntent.retrieve(key, expand=["latest_charge"], **how()))


def payment_from(intent: stripe.PaymentIntent) -> Payment:
    charge = intent.latest_charge
    refunded = charge.amount_refunded if isinstance(charge, stripe.Charge) else 0
    metadata = intent.metadata.to_dict()
    return Payment(
        intent.id, str(intent.status), intent.amount, intent.amount_received, refunded, intent.currency, metadata
    )


def refund_create(
    *, payment: str, amount: int, key: str, metadata: Mapping[str, str], reason: str = "requested_by_customer"
) -> Refund:
    """Give back `amount`. Raises Refused, for one with the code charge_already_refunded or charge_disputed."""
    cause: Any = reason
    with translated():
        made = stripe.Refund.create(
            payment_intent=payment, amount=amount, reason=cause, metadata=dict(metadata), **how(f"refund:{key}")
        )
    return refund_from(made)


def refunds_of(payment: str) -> list[Refund]:
    """All of them, newest first: dj-stripe keeps none. Raises GatewayError."""
    with translated():
        found = stripe.Refund.list(payment_intent=payment, limit=100, **how())
        return [refund_from(one) for one in found.auto_paging_iter()]


def refund_from(made: stripe.Refund) -> Refund:
    metadata = made.metadata.to_dict() if made.metadata else {}
    return Refund(made.id, str(made.status), made.amount, str(made.payment_intent), metadata)


def cards(workspace: Workspace) -> list[Card]:
    """The saved ones, newest first. Raises GatewayError."""
    customer = customer_id(workspace)
    if customer is None:
        return []
    with translated():
        settings = stripe.Customer.retrieve(customer, **how()).invoice_settings
        default = settings.default_payment_method if settings else None
        found = stripe.Customer.list_payment_methods(customer, limit=100, **how())
        methods = [one for one in found.auto_paging_iter() if one.card]
    return [_card(one, one.id == default) for one in methods]


def _card(method: stripe.PaymentMethod, default: bool) -> Card:
    card = method.card
    assert card is not None  # noqa: S101 - only those were taken
    return Card(method.id, card.brand, card.last4, card.exp_month, card.exp_year, default)


def card_default(*, workspace: Workspace, method: str) -> None:
    """Charge this one from now on. Raises Refused when it is not the workspace's."""
    with translated():
        stripe.Customer.modify(_customer(workspace), invoice_settings={"default_payment_method": method}, **how())


def card_remove(*, workspace: Workspace, method: str) -> None:
    """Raises Refused when it is not the workspace's."""
    with translated():
        own = stripe.Customer.retrieve_payment_method(_customer(workspace), method, **how())
        stripe.PaymentMethod.detach(own.id, **how())


def _customer(workspace: Workspace) -> str:
    customer = customer_id(workspace)
    if customer is None:
        raise Refused("the workspace has never saved a card", "no_customer")
    return customer
