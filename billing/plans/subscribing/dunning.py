"""Reminding of what is not paid. Stripe tries the card again by its own schedule, and ends the subscription at last."""

from datetime import datetime, timedelta

from billing.plans.models import Subscription
from billing.plans.subscribing.emails import tell_last

LAST_AFTER = timedelta(days=5)  # of Stripe's tries, which go on for one to three weeks


def remind(now: datetime) -> int:
    """Tell those whose payment has failed for days; how many were told. Again tells nobody twice."""
    rows = Subscription.objects.filter(past_due_since__lte=now - LAST_AFTER, ended_at=None)
    return sum(tell_last(row) for row in rows.select_related("workspace", "version__plan", "credit_tier").iterator())
