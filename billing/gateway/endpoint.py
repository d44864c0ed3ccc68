"""Our webhook endpoint at Stripe: made, kept up to date, and known to dj-stripe. The same code for real
keys and simulated payments.
"""

from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import stripe
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from djstripe.models import WebhookEndpoint

from billing.gateway.client import how
from billing.gateway.errors import NotConnected, translated

# Everything that changes what we show or credit; each of them is known to dj-stripe.
EVENTS: tuple[Any, ...] = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.failed",
    "charge.refunded",
    "charge.succeeded",
    "charge.updated",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "credit_note.created",
    "credit_note.updated",
    "credit_note.voided",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.updated",
    "customer.updated",
    "invoice.created",
    "invoice.finalization_failed",
    "invoice.finalized",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.updated",
    "invoice.voided",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payment_method.attached",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "payment_method.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
    "subscription_schedule.aborted",
    "subscription_schedule.canceled",
    "subscription_schedule.completed",
    "subscription_schedule.created",
    "subscription_schedule.released",
    "subscription_schedule.updated",
)


@dataclass(frozen=True)
class Connected:
    url: str
    made: bool  # now, or it was there
    by_hand: bool  # its secret comes from STRIPE_WEBHOOK_SECRET


def endpoint_uuid() -> UUID:
    """The same for an address for ever, so that an endpoint made by hand knows where to send."""
    return uuid5(NAMESPACE_URL, settings.STRIPE_WEBHOOK_BASE)


def endpoint_url() -> str:
    path = reverse("djstripe:djstripe_webhook_by_uuid", kwargs={"uuid": endpoint_uuid()})
    return f"{settings.STRIPE_WEBHOOK_BASE}{path}"


def is_connected() -> bool:
    return bool(WebhookEndpoint.objects.filter(djstripe_uuid=endpoint_uuid()).exclude(secret="").exists())


def connect() -> Connected:
    """Make or update our endpoint, and its row. Safe to repeat. Raises GatewayError."""
    if not settings.STRIPE_SECRET_KEY:
        raise NotConnected("set STRIPE_SECRET_KEY first")
    version: Any = settings.STRIPE_API_VERSION
    with translated():
        theirs = find_endpoint()
        if settings.STRIPE_WEBHOOK_SECRET:
            return _by_hand(theirs)
        if theirs is not None and not _knows_secret(theirs.id):
            # Its secret was told once, to somebody else: a database that is gone, perhaps.
            stripe.WebhookEndpoint.delete(theirs.id, **how())
            theirs = None
        if theirs is not None and _as_wanted(theirs):
            return Connected(endpoint_url(), made=False, by_hand=False)
        made = theirs is None
        if theirs is None:
            theirs = stripe.WebhookEndpoint.create(
                url=endpoint_url(),
                enabled_events=list(EVENTS),
                api_version=version,
                description="Purser",
                metadata={"djstripe_uuid": str(endpoint_uuid())},
                **how(),
            )
        else:
            theirs = stripe.WebhookEndpoint.modify(
                theirs.id,
                url=endpoint_url(),
                enabled_events=list(EVENTS),
                disabled=False,
                **how(),
            )
        _keep(theirs)
        return Connected(endpoint_url(), made, by_hand=False)


def find_endpoint() -> stripe.WebhookEndpoint | None:
    ours, url = str(endpoint_uuid()), endpoint_url()
    for one in stripe.WebhookEndpoint.list(limit=100, **how()).auto_paging_iter():
        if one.url == url or one.metadata.to_dict().get("djstripe_uuid") == ours:
            return one
    return None


def _as_wanted(theirs: stripe.WebhookEndpoint) -> bool:
    same_events = sorted(theirs.enabled_events) == list(EVENTS)
    return theirs.url == endpoint_url() and same_events and theirs.status == "enabled"


def _knows_secret(key: str) -> bool:
    return bool(WebhookEndpoint.objects.filter(id=key, djstripe_uuid=endpoint_uuid()).exclude(secret="").exists())


def _by_hand(theirs: stripe.WebhookEndpoint | None) -> Connected:
    """The operator made the endpoint in the dashboard, and told us its secret."""
    if theirs is None:
        raise NotConnected(
            f"STRIPE_WEBHOOK_SECRET is set, and Stripe has no endpoint for {endpoint_url()}: make it in the dashboard,"
            " or unset the variable and let this command make it"
        )
    _keep(theirs)
    WebhookEndpoint.objects.filter(id=theirs.id).update(secret=settings.STRIPE_WEBHOOK_SECRET)
    return Connected(endpoint_url(), made=False, by_hand=True)


def _keep(theirs: stripe.WebhookEndpoint) -> None:
    with transaction.atomic():
        WebhookEndpoint.objects.filter(djstripe_uuid=endpoint_uuid()).exclude(id=theirs.id).delete()
        WebhookEndpoint.sync_from_stripe_data(theirs, api_key=settings.STRIPE_SECRET_KEY)
        # One made by hand lacks our number in its metadata.
        WebhookEndpoint.objects.filter(id=theirs.id).update(djstripe_uuid=endpoint_uuid())
