"""When a balance counts as low: under a tenth of the period's credits, or three days of runway, whichever is more."""

from datetime import datetime, timedelta

from django.db.models import Max, Sum

from billing.credits import clock
from billing.credits.units import MAX_NANO
from billing.foundation.due.registry import due_job
from billing.ledger.models import Lot, Wallet
from billing.ledger.services import low_bound_set
from billing.metering.models import HourTotal
from billing.metering.selectors.forecast import WINDOW, average_daily_spend

SHARE = 10  # one tenth
DAYS = 3


def low_bound(workspace_id: int, now: datetime | None = None) -> int:
    """Nano-credits under which available + held are low.

    The period's credits are what the plan granted at its latest start; without a plan, the open lots' amounts.
    """
    now = now or clock.now()
    running = Lot.objects.filter(workspace_id=workspace_id, effective_at__lte=now)
    plan = running.filter(source=Lot.Source.PLAN, expires_at__gt=now)
    if latest := plan.aggregate(start=Max("effective_at"))["start"]:
        running = plan.filter(effective_at=latest)
    else:
        running = running.filter(open=True)
    granted = int(running.aggregate(total=Sum("amount"))["total"] or 0)
    runway = average_daily_spend(workspace_id, now) * DAYS
    return min(max(granted // SHARE, int(runway)), MAX_NANO)


def refresh_low_bound(workspace_id: int, now: datetime | None = None) -> None:
    """Keep the bound on the wallet, so that each spend knows from its own row whether it crossed it."""
    bound = low_bound(workspace_id, now)
    if Wallet.objects.filter(pk=workspace_id).exclude(low_bound=bound).exists():
        low_bound_set(workspace_id=workspace_id, bound=bound)


@due_job("refresh_low_bounds", every=timedelta(hours=1))
def refresh_low_bounds(*, now: datetime, limit: int) -> int:
    """Follow the pace of every workspace that used something lately: long enough to see its pace go down to nothing."""
    active = HourTotal.objects.filter(hour__gte=now - 2 * WINDOW - timedelta(days=1))
    last = 0
    while chunk := list(
        active.filter(workspace_id__gt=last)
        .order_by("workspace_id")
        .values_list("workspace_id", flat=True)
        .distinct()[:limit]
    ):
        for last in chunk:
            refresh_low_bound(last, now)
    return 0
