"""What Stripe's webhooks say of subscriptions, noted. Of the event only the id is used, to find what it is about; what
happened is asked of Stripe. Nothing is granted here, and no lock is taken.
"""

from typing import Any

from djstripe.event_handlers import djstripe_receiver

from billing.plans.subscribing.notices import notice_write

SUBSCRIPTIONS = [
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.resumed",
    "customer.subscription.updated",
]
OTHERS = [
    "checkout.session.completed",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.voided",
]


@djstripe_receiver([*SUBSCRIPTIONS, *OTHERS])
def subscription_event(sender: Any, event: Any, **kwargs: Any) -> None:
    key = subscription_named(event.data["object"])
    if key:
        notice_write(key, event.type)


def subscription_named(told: dict[str, Any]) -> str:
    """The subscription that an event's object is about; empty when it is about none."""
    if told.get("object") == "subscription":
        found = told.get("id")
    elif told.get("object") == "invoice":
        found = ((told.get("parent") or {}).get("subscription_details") or {}).get("subscription")
    else:
        found = told.get("subscription")
    key = found.get("id") if isinstance(found, dict) else found
    return str(key) if key and "\0" not in str(key) else ""
