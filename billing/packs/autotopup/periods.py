"""The day and the month that caps are counted in: the calendar's, in the workspace's time zone."""

from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q, Sum

from accounts.models import Workspace
from billing.metering.selectors.days import month_of, next_month, zone
from billing.packs.autotopup.sizing import Charged, Period
from billing.packs.models import Purchase

Status = Purchase.Status
COUNTED = (Status.OPEN, Status.PAID, Status.FULFILLED)


def start_of(period: Period, workspace: Workspace, now: datetime) -> datetime:
    day = now.astimezone(zone(workspace.time_zone)).date()
    return _midnight(day if period == "day" else month_of(day), workspace)


def end_of(period: Period, workspace: Workspace, now: datetime) -> datetime:
    day = now.astimezone(zone(workspace.time_zone)).date()
    return _midnight(day + timedelta(days=1) if period == "day" else next_month(month_of(day)), workspace)


def charged(workspace: Workspace, now: datetime) -> Charged:
    """Cents of automatic charges of this day and month, those on their way included. What was refunded counts."""
    day, month = start_of("day", workspace, now), start_of("month", workspace, now)
    made = Purchase.objects.filter(workspace=workspace, automatic=True, status__in=COUNTED, created_at__gte=month)
    sums = made.aggregate(month=Sum("amount"), day=Sum("amount", filter=Q(created_at__gte=day)))
    return Charged(int(sums["day"] or 0), int(sums["month"] or 0))


def _midnight(day: date, workspace: Workspace) -> datetime:
    return datetime.combine(day, time(), zone(workspace.time_zone)).astimezone(UTC)
