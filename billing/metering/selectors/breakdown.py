"""Usage by model, provider, meter, task, project, agent, app, key, end_user, day or month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain, islice

from accounts.models import Workspace
from billing.credits import clock
from billing.metering.selectors import days
from billing.metering.selectors.group import METRICS, Group
from billing.metering.selectors.grouping import COLUMNS, names
from billing.metering.selectors.kept import by_stretch, counted, ranking
from billing.metering.selectors.totals import floor_hour

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
    if until <= since:
        return []
    found = _together(by_stretch(workspace.pk, by=by, starts=_days(workspace, since, until), until=until, where=where))
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
    starts = [floor_hour(since), *(days.starts(day, tz) for day in calendar[1:])]
    found = by_stretch(workspace.pk, by=None, starts=starts, until=until, where=where)
    shown = {str(index): day.isoformat() if by == "day" else f"{day:%Y-%m}" for index, day in enumerate(calendar)}
    nothing = Group("", 0, 0, 0, Decimal(0), Decimal(0))
    rows = [replace(day[0] if day else nothing, key=str(index)) for index, day in enumerate(found)]
    return [BreakdownRow(**vars(row) | {"key": row.name}) for row in _rows(rows, shown, metric)]


def _days(workspace: Workspace, since: datetime, until: datetime) -> list[datetime]:
    """[since, until) cut at the local midnights in it."""
    tz = days.zone(workspace.time_zone)
    first, last = days.local_day(since, tz), days.local_day(until - timedelta(microseconds=1), tz)
    return [floor_hour(since), *(days.starts(day, tz) for day in days.days(first, last)[1:])]


def _together(found: Sequence[Sequence[Group]]) -> list[Group]:
    """The groups of several days, added up by key."""
    sums: dict[str, Group] = {}
    for day in found:
        for group in day:
            before = sums.get(group.key)
            sums[group.key] = group if before is None else before.plus(group)
    return list(sums.values())


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
    found = by_stretch(workspace.pk, by=by, starts=starts, until=until, where=where)
    totals: dict[str, Decimal] = {}
    for group in chain.from_iterable(found):
        totals[group.key] = totals.get(group.key, Decimal(0)) + group.measure(metric)
    ranked = sorted((key for key in totals if totals[key]), key=lambda key: (-totals[key], key))
    leading = ranked if len(ranked) <= top + 1 else ranked[:top]
    shown = names(by, leading)
    lines = {key: DailyLine(key, shown[key], [Decimal(0)] * len(calendar), totals[key]) for key in leading}
    rest = [Decimal(0)] * len(calendar)
    for place, day in enumerate(found):
        for group in day:
            values = lines[group.key].values if group.key in lines else rest
            values[place] += group.measure(metric)
    other = [DailyLine("", "Other", rest, sum(rest, Decimal(0)))] if len(leading) < len(ranked) else []
    return Daily(calendar, [*lines.values(), *other])


def named(workspace: Workspace, by: str, *, now: datetime | None = None, limit: int = 50) -> list[Named]:
    """Agents or apps that have a name, by this month's spend."""
    now = now or clock.now()
    tz = days.zone(workspace.time_zone)
    today = days.local_day(now, tz)
    starts = [days.starts(day, tz) for day in days.days(days.month_of(today), today)]
    until = days.starts(today + timedelta(days=1), tz)
    counters = counted(workspace.pk, starts, until)
    (of_today,) = by_stretch(workspace.pk, by=by, starts=starts[-1:], until=until, counters=counters[-1:])
    before = ranking(workspace.pk, by=by, starts=starts[:-1], until=starts[-1], counters=counters[:-1])
    spent_today = {group.key: group.nano for group in of_today}
    # Of those that did nothing today, only the first can be among the largest: not all of them are looked at.
    others = islice((name for name in before.order if name not in spent_today), limit + 1)
    rows = [
        Named(name, spent_today.get(name, 0), before.nano.get(name, 0) + spent_today.get(name, 0))
        for name in chain(spent_today, others)
        if name
    ]
    return sorted(rows, key=lambda row: (-row.month, row.name))[:limit]
