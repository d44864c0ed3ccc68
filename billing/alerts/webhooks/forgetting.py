"""Old events go, with their deliveries and attempts; what still waits to be sent stays."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from billing.alerts.webhooks.models import WebhookDelivery, WebhookEvent

KEPT = timedelta(days=30)


def events_forget(*, now: datetime, limit: int) -> int:
    """Delete up to `limit` events that were recorded longer ago than 30 days; how many."""
    waiting = WebhookDelivery.objects.filter(event=OuterRef("pk"), status=WebhookDelivery.Status.PENDING)
    old = WebhookEvent.objects.filter(~Exists(waiting), created_at__lt=now - KEPT).order_by("created_at")
    chosen = list(old.values_list("pk", flat=True)[:limit])
    WebhookEvent.objects.filter(pk__in=chosen).delete()
    return len(chosen)
