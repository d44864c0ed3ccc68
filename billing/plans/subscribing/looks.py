"""When Stripe is asked about a subscription although nothing was heard of it. Rows of the same queue as the notices."""

from datetime import datetime, timedelta

from billing.plans.models import Subscription, SubscriptionNotice

CLOCK = "the clock"
LEAST = timedelta(hours=6)  # while a payment fails
MOST = timedelta(days=1)
AFTER = timedelta(minutes=1)  # its paid time is over, or an answer was not used


def look_plan(row: Subscription, *, now: datetime) -> None:
    """Ask again when its paid time is over, and once a day in any case: news may have been lost."""
    if not row.stripe_id:
        return
    paid_until = row.paid_until or now
    at = paid_until + AFTER if paid_until + AFTER > now else now + LEAST
    _look(row.stripe_id, min(at, now + MOST))


def look_soon(stripe_id: str, *, now: datetime) -> None:
    """Ask again in a minute: an answer was not used."""
    _look(stripe_id, now + AFTER)


def _look(stripe_id: str, at: datetime) -> None:
    SubscriptionNotice.objects.filter(stripe_id=stripe_id, about=CLOCK).delete()
    SubscriptionNotice.objects.create(stripe_id=stripe_id, about=CLOCK, at=at)
