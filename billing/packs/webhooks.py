"""What Stripe's webhooks say of purchases, noted. dj-stripe has stored the object as the API has it; of the event only
the id is used, to find which purchase it may be about. Nothing is credited here, and no lock is taken.
"""

from typing import Any

from djstripe import models as stripe_models
from djstripe.event_handlers import djstripe_receiver

from billing.packs.attending import notice_write
from billing.packs.invoicedisputes import dispute_notice
from billing.packs.models import Purchase

SESSIONS = [
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
]
PAYMENTS = ["payment_intent.canceled", "payment_intent.payment_failed", "payment_intent.succeeded"]
OF_A_PAYMENT = [
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refunded",
    "charge.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
]
ROWS = {
    "checkout.session": stripe_models.Session,
    "payment_intent": stripe_models.PaymentIntent,
    "charge": stripe_models.Charge,
    "dispute": stripe_models.Dispute,
}


@djstripe_receiver([*SESSIONS, *PAYMENTS, *OF_A_PAYMENT])
def purchase_event(sender: Any, event: Any, **kwargs: Any) -> None:
    told = event.data["object"]
    stored = _stored(told)
    purchase = _purchase(stored)
    if purchase is not None:
        session = str(stored["id"]) if told.get("object") == "checkout.session" else ""
        notice_write(purchase, event.type, session)
    elif told.get("object") == "dispute":
        dispute_notice(str(told["id"]), livemode=bool(event.livemode))


def _stored(told: dict[str, Any]) -> dict[str, Any]:
    """The row that was fetched anew; of refunds dj-stripe keeps none, so it is the event that says of which payment."""
    model = ROWS.get(str(told.get("object")))
    if model is None:
        return {"payment_intent": told.get("payment_intent")}
    row = model.objects.filter(id=told["id"]).first()
    return dict(row.stripe_data) if row else {}


def _purchase(data: dict[str, Any]) -> Purchase | None:
    named = (data.get("metadata") or {}).get("purchase")
    payment = data.get("id") if data.get("object") == "payment_intent" else data.get("payment_intent")
    payment = payment.get("id") if isinstance(payment, dict) else payment
    found = Purchase.objects.filter(public_id=str(named)).first() if named and "\0" not in str(named) else None
    return found or (Purchase.objects.filter(payment_id=str(payment)).first() if payment else None)
