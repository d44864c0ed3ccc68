"""What Stripe answered of a subscription: applied, and its invoices kept. Outside of any transaction."""

import logging
from datetime import timedelta

from billing.foundation import hostclock
from billing.gateway.errors import GatewayError
from billing.gateway.subscriptions import SubscriptionState
from billing.plans.models import Subscription, SubscriptionNotice
from billing.plans.subscribing.documents import documents_mirror
from billing.plans.subscribing.state import subscription_apply

LATER = timedelta(minutes=15)
log = logging.getLogger(__name__)


def subscription_follow(state: SubscriptionState) -> Subscription | None:
    """The workspace's subscription afterwards. Invoices that Stripe does not tell are asked for again.

    Raises NotOurs.
    """
    now = hostclock.present()
    row = subscription_apply(state, now=now)
    if row is not None:
        try:
            documents_mirror(workspace=row.workspace, stripe_id=state.id, now=now)
        except GatewayError as error:
            log.warning("the invoices of %s are asked for again: %s", state.id, error)
            SubscriptionNotice.objects.create(stripe_id=state.id, about="invoices")
        except Exception:  # the plan is what it is; whoever waits for it is not told that it failed
            log.exception("the invoices of %s are asked for again", state.id)
            SubscriptionNotice.objects.create(stripe_id=state.id, about="invoices", at=now + LATER)
    return row
