"""Usage as charts and tables."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.selectors import moved
from billing.metering.selectors import days
from billing.metering.selectors.breakdown import BreakdownRow, breakdown, daily
from billing.overview.charts import Chart, stacked
from billing.overview.labels import short_model, value_name
from billing.overview.ranges import DayRange
from billing.plans.addons.paying import KIND


def usage_chart(
    workspace: Workspace,
    span: DayRange,
    *,
    by: str = "model",
    metric: str = "credits",
    where: Mapping[str, str] | None = None,
) -> Chart:
    """A column per local day, stacked by the largest values of `by`."""
    found = daily(workspace, by=by, first=span.first, last=span.last, metric=metric, where=where)
    series = [(_in_chart(by, line.key, line.name), line.values) for line in found.lines]
    return stacked(days=found.days, series=series, today=days.local_day(clock.now(), days.zone(workspace.time_zone)))


def usage_rows(
    workspace: Workspace, span: DayRange, *, by: str, metric: str, where: Mapping[str, str] | None = None
) -> list[BreakdownRow]:
    """The same stretch of days as rows, largest first."""
    since, until = bounds(workspace, span)
    return breakdown(workspace, by=by, since=since, until=until, metric=metric, where=where)


def add_ons_took(workspace: Workspace, span: DayRange) -> int:
    """Nano-credits that add-ons took in these days; they are no usage."""
    return moved(workspace.pk, KIND, *bounds(workspace, span))


def bounds(workspace: Workspace, span: DayRange) -> tuple[datetime, datetime]:
    """[since, until) of the local days."""
    tz = days.zone(workspace.time_zone)
    return days.starts(span.first, tz), days.starts(span.last + timedelta(days=1), tz)


def _in_chart(by: str, key: str, name: str) -> str:
    shown = value_name(by, key, name)
    return short_model(shown) if by == "model" else shown
