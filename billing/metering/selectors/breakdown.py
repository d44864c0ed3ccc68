"""Usage by model, provider, meter, task, project, agent, app, key, end_user, day or month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from accounts.models import Workspace
from billing.credits import clock
from billing.metering.selectors import days
from billing.metering.selectors.group import METRICS, Group
from billing.metering.selectors.grouping import COLUMNS, groups, names

BY = (*COLUMNS, "end_user", "day", "month")
TOP = 4  # a chart shows the largest four and "Other"


@dataclass(frozen=True)
class BreakdownRow:
    """`key` filters, `name` is shown; `share` is the percentage of the metric's total."""

    key: str
    name: str
    nano: int
    requests: int
    tokens: Decimal
    quantity: Decimal
    share: Decimal


@dataclass(frozen=True)
class DailyLine:
    """One colour of a chart: a value per day, in the metric's unit (credits: nano-credits)."""

    key: str
    name: str
    values: list[Decimal]
    total: Decimal


@dataclass(frozen=True)
class Daily:
    days: list[date]
    lines: list[DailyLine]  # largest first, "Other" last

    @property
    def totals(self) -> list[Decimal]:
        return [sum(column, Decimal(0)) for column in zip(*(line.values for line in self.lines), strict=True)] or [
            Decimal(0)
        ] * len(self.days)


@dataclass(frozen=True)
class Named:
    """Spend of an agent or app, in nano-credits, in the workspace's today and month."""

    name: str
    today: int
    month: int


def breakdown(
    workspace: Workspace,
    *,
    by: str,
    since: datetime,
    until: datetime,
    metric: str = "credits",
    where: Mapping[str, str] | None = None,
) -> list[BreakdownRow]:
    """Rows of [since, until) by `by` (one of BY), largest first; days and months in order of time, empty ones too.

    `where` does not go with "end_user".
    """
    if by not in BY or metric not in METRICS:
        raise ValueError(f"by is one of {BY}, metric one of {METRICS}")
    if by in ("day", "month"):
        return _by_time(workspace, by, since, until, metric, where)
    found = groups(workspace.pk, by=by, since=since, until=until, where=where)
    found.sort(key=lambda group: (-group.measure(metric), group.key))
    return _rows(found, names(by, [group.key for group in found]), metric)


def _by_time(
    workspace: Workspace, by: str, since: datetime, until: datetime, metric: str, where: Mapping[str, str] | None
) -> list[BreakdownRow]:
    if until <= since:
        return []
    tz = days.zone(workspace.time_zone)
    first, last = days.local_day(since, tz), days.local_day(until - timedelta(microseconds=1), tz)
    calendar = days.days(first, last) if by == "day" else days.months(first, last)
    starts = [days.starts(day, tz) for day in calendar]
    found = {
        group.bucket: group
        for group in groups(workspace.pk, by=None, since=since, until=until, starts=starts, where=where)
    }
    shown = {str(index): day.isoformat() if by == "day" else f"{day:%Y-%m}" for index, day in enumerate(calendar)}
    nothing = Decimal(0)
    rows = [
        Group(str(index), index, group.nano, group.requests, group.tokens, group.quantity)
        if (group := found.get(index))
        else Group(str(index), index, 0, 0, nothing, nothing)
        for index in range(len(calendar))
    ]
    return [BreakdownRow(**vars(row) | {"key": row.name}) for row in _rows(rows, shown, metric)]


def _rows(found: Sequence[Group], shown: Mapping[str, str], metric: str) -> list[BreakdownRow]:
    total = sum((group.measure(metric) for group in found), Decimal(0))
    return [
        BreakdownRow(
            key=group.key,
            name=shown[group.key],
            nano=group.nano,
            requests=group.requests,
            tokens=group.tokens,
            quantity=group.quantity,
            share=group.measure(metric) * 100 / total if total else Decimal(0),
        )
        for group in found
    ]


def daily(
    workspace: Workspace,
    *,
    by: str,
    first: date,
    last: date,
    metric: str = "credits",
    top: int = TOP,
    where: Mapping[str, str] | None = None,
) -> Daily:
    """A value per local day from `first` to `last` for the `top` largest values of `by`; the rest is "Other"."""
    tz = days.zone(workspace.time_zone)
    calendar = days.days(first, last)
    starts = [days.starts(day, tz) for day in calendar]
    until = days.starts(last + timedelta(days=1), tz)
    found = groups(workspace.pk, by=by, since=starts[0], until=until, starts=starts, where=where)
    totals: dict[str, Decimal] = {}
    for group in found:
        totals[group.key] = totals.get(group.key, Decimal(0)) + group.measure(metric)
    ranked = sorted((key for key in totals if totals[key]), key=lambda key: (-totals[key], key))
    leading = ranked if len(ranked) <= top + 1 else ranked[:top]
    shown = names(by, leading)
    lines = {key: DailyLine(key, shown[key], [Decimal(0)] * len(calendar), totals[key]) for key in leading}
    rest = [Decimal(0)] * len(calendar)
    for group in found:
        values = lines[group.key].values if group.key in lines else rest
        values[group.bucket] += group.measure(metric)
    other = [DailyLine("", "Other", rest, sum(rest, Decimal(0)))] if len(leading) < len(ranked) else []
    return Daily(calendar, [*lines.values(), *other])


def named(workspace: Workspace, by: str, *, now: datetime | None = None, limit: int = 50) -> list[Named]:
    """Agents or apps that have a name, by this month's spend."""
    now = now or clock.now()
    tz = days.zone(workspace.time_zone)
    today = days.local_day(now, tz)
    starts = [days.starts(days.month_of(today), tz), days.starts(today, tz)]
    until = days.starts(today + timedelta(days=1), tz)
    found: dict[str, list[int]] = {}
    for group in groups(workspace.pk, by=by, since=starts[0], until=until, starts=starts):
        if group.key:
            spend = found.setdefault(group.key, [0, 0])
            spend[1] += group.nano
            spend[0] += group.nano if group.bucket == 1 else 0
    rows = [Named(name, *spend) for name, spend in found.items()]
    return sorted(rows, key=lambda row: (-row.month, row.name))[:limit]
