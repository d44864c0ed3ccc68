"""Below which balance a workspace counts as low, as long as nobody sets a bound of their own.

A tenth of the credits granted for the period (bought ones not counted, unless there are no others), or three days at
the pace of the last week, whichever is more.
"""

from datetime import datetime, timedelta

from django.db.models import Q, Sum

from billing.credits import clock
from billing.ledger.models import Lot, Wallet
from billing.ledger.services import low_bound_set
from billing.metering.models import HourTotal
from billing.metering.selectors.forecast import average_daily_spend
from billing.plans import calendar
from billing.plans.models import Subscription

SHARE = 10  # a tenth
DAYS = 3


def low_bound_refresh(workspace_id: int) -> None:
    """Work the bound out and keep it on the wallet, where every spend sees it. Subscriber of `credits_granted`."""
    bound = default_low_bound(workspace_id, now=clock.now())
    if not Wallet.objects.filter(pk=workspace_id, low_bound=bound).exists():
        low_bound_set(workspace_id=workspace_id, bound=bound)


def default_low_bound(workspace_id: int, *, now: datetime) -> int:
    pace = int(DAYS * average_daily_spend(workspace_id, now))
    return max(_period_credits(workspace_id, now) // SHARE, pace)


def _period_credits(workspace_id: int, now: datetime) -> int:
    lots = Lot.objects.filter(workspace_id=workspace_id, effective_at__lte=now)
    given = lots.filter(~Q(source=Lot.Source.BOUGHT), effective_at__gte=_period_start(workspace_id, now))
    total = given.aggregate(total=Sum("amount"))["total"]
    if not total:
        total = lots.filter(remaining__gt=0).aggregate(total=Sum("amount"))["total"]
    return int(total or 0)


def _period_start(workspace_id: int, now: datetime) -> datetime:
    subscription = Subscription.objects.filter(workspace_id=workspace_id).first()
    if subscription is None:
        return now - timedelta(days=30)
    return calendar.period_start(subscription.anchor, calendar.period_at(subscription.anchor, now))


def workspaces_in_use(now: datetime) -> list[int]:
    """Those whose pace may have changed: usage in the last two weeks."""
    since = now - timedelta(days=14)
    used = HourTotal.objects.filter(hour__gte=since).values_list("workspace_id", flat=True).distinct()
    return sorted(used)
