"""What Stripe knows now, asked for: Checkout sessions, payments, disputes. Amounts in the smallest unit."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import stripe
from django.conf import settings

from accounts.models import Workspace
from billing.gateway.client import how
from billing.gateway.customers import customer_id
from billing.gateway.errors import translated
from billing.gateway.payments import Payment, Refund, payment_from, refund_from


@dataclass(frozen=True)
class SessionState:
    id: str
    status: str  # open, complete, expired
    paid: bool
    payment: Payment | None  # what was paid, or tried


@dataclass(frozen=True)
class Dispute:
    id: str
    status: str  # needs_response, under_review, warning_…, won, lost
    amount: int
    currency: str
    payment: str
    reason: str

    @property
    def open(self) -> bool:
        """Undecided, and the money is away. Inquiries (`warning_…`) move none."""
        return self.status in ("needs_response", "under_review")

    @property
    def lost(self) -> bool:
        return self.status == "lost"


def connected() -> bool:
    """Whether payments are set up at all; asks nobody."""
    return bool(settings.STRIPE_SECRET_KEY)


def session_state(session: str) -> SessionState:
    """Raises GatewayError."""
    with translated():
        found = stripe.checkout.Session.retrieve(session, expand=["payment_intent.latest_charge"], **how())
    intent = found.payment_intent
    made = payment_from(intent) if isinstance(intent, stripe.PaymentIntent) else None
    return SessionState(found.id, str(found.status), found.payment_status == "paid", made)


def disputes_of(payment: str) -> list[Dispute]:
    """Newest first. Raises GatewayError."""
    with translated():
        found = stripe.Dispute.list(payment_intent=payment, limit=100, **how())
        return [_dispute(one) for one in found.auto_paging_iter()]


def disputes_since(since: datetime) -> Iterator[Dispute]:
    """All that were opened, newest first. Raises GatewayError."""
    created: Any = {"gte": int(since.timestamp())}
    with translated():
        for one in stripe.Dispute.list(created=created, limit=100, **how()).auto_paging_iter():
            yield _dispute(one)


def refunds_since(since: datetime) -> Iterator[Refund]:
    """All that were made, newest first. Raises GatewayError."""
    created: Any = {"gte": int(since.timestamp())}
    with translated():
        for one in stripe.Refund.list(created=created, limit=100, **how()).auto_paging_iter():
            yield refund_from(one)


def payments_since(since: datetime) -> Iterator[Payment]:
    """All of the account, newest first. Raises GatewayError."""
    created: Any = {"gte": int(since.timestamp())}
    with translated():
        found = stripe.PaymentIntent.list(created=created, limit=100, expand=["data.latest_charge"], **how())
        for one in found.auto_paging_iter():
            yield payment_from(one)


def payment_named(workspace: Workspace, name: str, value: str, since: datetime) -> Payment | None:
    """The newest payment of the workspace made since then that has `value` as its metadata's `name`. Raises
    GatewayError.
    """
    customer = customer_id(workspace)
    if customer is None:
        return None
    created: Any = {"gte": int(since.timestamp())}
    with translated():
        found = stripe.PaymentIntent.list(
            customer=customer, created=created, limit=100, expand=["data.latest_charge"], **how()
        )
        made = (payment_from(one) for one in found.auto_paging_iter())
        return next((one for one in made if one.metadata.get(name) == value), None)


def dispute_named(key: str) -> tuple[Dispute, str]:
    """A dispute, and the customer whose payment it is about, empty where there is none. Raises GatewayError."""
    with translated():
        found = stripe.Dispute.retrieve(key, expand=["charge"], **how())
    customer = found.charge.customer if isinstance(found.charge, stripe.Charge) else None
    return _dispute(found), str(getattr(customer, "id", customer) or "")


def _dispute(made: stripe.Dispute) -> Dispute:
    payment = str(getattr(made.payment_intent, "id", made.payment_intent))
    return Dispute(made.id, str(made.status), made.amount, str(made.currency), payment, str(made.reason))
