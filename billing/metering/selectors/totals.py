"""What a workspace spent, from the narrow hourly totals."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, Sum

from accounts.models import Workspace
from billing.credits import clock
from billing.metering.models import HourTotal
from billing.metering.selectors import days


@dataclass(frozen=True)
class Spent:
    """Nano-credits and requests of a stretch of time."""

    nano: int
    requests: int


@dataclass(frozen=True)
class TodayAndMonth:
    """In the workspace's time zone. `weekday_requests`: the same weekday a week ago, up to the same hour."""

    today: int
    month: int
    requests_today: int
    requests_month: int
    weekday_requests: int


def floor_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def spent(workspace_id: int, since: datetime, until: datetime) -> Spent:
    """Usage of the hours from that of `since` to before `until`."""
    row = HourTotal.objects.filter(workspace_id=workspace_id, hour__gte=floor_hour(since), hour__lt=until).aggregate(
        nano=Sum("amount"), requests=Sum("requests")
    )
    return Spent(int(row["nano"] or 0), int(row["requests"] or 0))


def today_and_month(workspace: Workspace, now: datetime | None = None) -> TodayAndMonth:
    """Spend and requests of today and this month."""
    now = now or clock.now()
    tz = days.zone(workspace.time_zone)
    today = days.local_day(now, tz)
    day, month = days.starts(today, tz), days.starts(days.month_of(today), tz)
    week_ago = days.starts(today - timedelta(days=7), tz)
    in_day = Q(hour__gte=day)
    in_month = Q(hour__gte=month)
    last_week = Q(hour__gte=week_ago, hour__lte=week_ago + (floor_hour(now) - day))
    row = HourTotal.objects.filter(workspace_id=workspace.pk, hour__gte=min(month, week_ago), hour__lte=now).aggregate(
        today=Sum("amount", filter=in_day),
        month=Sum("amount", filter=in_month),
        requests_today=Sum("requests", filter=in_day),
        requests_month=Sum("requests", filter=in_month),
        weekday_requests=Sum("requests", filter=last_week),
    )
    return TodayAndMonth(**{name: int(value or 0) for name, value in row.items()})
