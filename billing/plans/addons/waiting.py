"""Whether the credits of the plan's period, which began together with the add-on's, are still on their way."""

from datetime import datetime, timedelta

from billing.plans.models import Subscription
from billing.plans.selectors import current_subscription

PAYMENT_TAKES = timedelta(hours=24)  # Stripe finalises a renewal's invoice an hour after the period begins
IN_ORDER = (Subscription.Status.ACTIVE, Subscription.Status.TRIALING)


def credits_are_coming(workspace_id: int, now: datetime) -> bool:
    """A period that has begun and was not opened yet: the job will, or its payment is being made."""
    subscription = current_subscription(workspace_id)
    if subscription is None or subscription.next_period_at > now:
        return False
    if not (subscription.version.monthly_credits or subscription.credit_tier_id):
        return False
    begins = subscription.next_period_at
    if subscription.paid_until is None or subscription.paid_until > begins:
        return True
    return subscription.status in IN_ORDER and now < begins + PAYMENT_TAKES
