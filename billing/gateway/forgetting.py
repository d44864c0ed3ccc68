"""Webhooks of long ago: dj-stripe keeps each request as it came in, and each event.

Nothing rests on these rows: purchases, money back, documents and the ledger have keys of their own, and what an event
is about is asked of Stripe. One that comes again after its row is gone is looked at again, and changes nothing.
"""

from datetime import datetime, timedelta

from django.db.models import Q
from djstripe.models import Event, WebhookEventTrigger

from billing.foundation.site.selectors import site

FORGED = timedelta(days=7)  # anybody can send those


def webhooks_forget(*, now: datetime, limit: int) -> int:
    """Delete up to `limit` requests, and as many events, that are older than the site settings keep; how many of the
    more numerous. Requests whose signature was wrong go after a week.
    """
    old, days = Q(valid=False, created__lt=now - FORGED), site().stripe_event_days
    events = 0
    if days:
        end = now - timedelta(days=days)
        old |= Q(created__lt=end)
        over = list(Event.objects.filter(djstripe_created__lt=end).order_by("pk").values_list("pk", flat=True)[:limit])
        events = Event.objects.filter(pk__in=over).delete()[0]
    chosen = list(WebhookEventTrigger.objects.filter(old).order_by("pk").values_list("pk", flat=True)[:limit])
    requests: int = WebhookEventTrigger.objects.filter(pk__in=chosen).delete()[0]
    return max(events, requests)
