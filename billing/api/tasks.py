"""Due work: keeping the rate-limit table small, telling of keys that end soon, forgetting old portal links."""

from datetime import datetime, timedelta

from django.db import connection

from accounts.models import PortalLink
from accounts.services.portal_links import KEPT
from billing.api.expiring import tell_one
from billing.foundation.due.registry import due_job

KEEP_MINUTES = 5


@due_job("api.rate_windows", every=timedelta(minutes=10))
def forget_rate_windows(*, now: datetime, limit: int) -> int:
    """Delete counters of minutes that are over."""
    oldest = int(now.timestamp() // 60) - KEEP_MINUTES
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM api_rate_window WHERE (key, minute) IN (SELECT key, minute FROM api_rate_window"
            " WHERE minute < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            [oldest, limit],
        )
        return int(cursor.rowcount)


@due_job("api.expiring_keys", every=timedelta(hours=1))
def tell_of_expiring_keys(*, now: datetime, limit: int) -> int:
    """Mail owners and admins about API keys that end within a week."""
    done = 0
    while done < limit and tell_one(now):
        done += 1
    return done


@due_job("api.portal_links", every=timedelta(hours=24))
def forget_portal_links(*, now: datetime, limit: int) -> int:
    """Delete links that ended long ago; the audit log keeps who was handed over when."""
    old = PortalLink.objects.filter(expires_at__lt=now - KEPT).order_by("expires_at").values("pk")[:limit]
    return PortalLink.objects.filter(pk__in=old).delete()[0]
