"""Usage by model, provider, meter, task, project, agent, app, key or end user: chart, table and CSV."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render

from accounts.access import WorkspaceRequest
from billing.credits import clock
from billing.credits.units import credits
from billing.foundation.site.selectors import site
from billing.metering.selectors import days
from billing.metering.selectors.breakdown import BreakdownRow
from billing.metering.selectors.grouping import names
from billing.metering.unrated.waiting import how_many
from billing.overview.labels import DIMENSIONS, value_name
from billing.overview.numbers import plain_text
from billing.overview.page import page
from billing.overview.ranges import PRESETS, DayRange, day_range
from billing.overview.spending import add_ons_took, usage_chart, usage_rows
from billing.overview.words import meter_unit

METRICS = {"credits": "Credits", "requests": "Requests", "tokens": "Tokens", "quantity": "Quantity"}
SHOWN_ROWS = 100  # the CSV has all


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the address says, with everything unreadable replaced by its default."""

    span: DayRange
    by: str
    metric: str
    where: Mapping[str, str]

    def link(self, **changes: str) -> str:
        """The query of a page that differs in `changes` only; an empty value leaves a filter out."""
        query = {**self.span.query, "by": self.by, "metric": self.metric, **self.filters, **changes}
        return urlencode({key: value for key, value in query.items() if value != ""})

    @property
    def listed(self) -> bool:
        """Whether the requests that this counts can be listed one by one."""
        return all(listed(name, value) for name, value in self.where.items())

    @property
    def filters(self) -> dict[str, str]:
        return {f"only_{name}": value or NOTHING for name, value in self.where.items()}


NOTHING = "-"  # in an address: the requests that have no value there


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of the table."""

    name: str
    note: str
    row: BreakdownRow
    width: str
    drill: str  # a link that shows this value alone; empty where it cannot be divided further
    requests: str  # the query of the page that lists its requests; empty where they cannot be listed by it


@page
def usage(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    asked = countable(asked_of(request))
    rows = usage_rows(request.workspace, asked.span, by=asked.by, metric=asked.metric, where=asked.where)
    mixed = asked.metric == "quantity" and "meter" not in asked.where
    context = {
        "nav": "usage",
        "span": asked.span,
        "asked": asked,
        "metric": asked.metric,
        "by_name": DIMENSIONS[asked.by],
        "chart": None
        if mixed
        else usage_chart(request.workspace, asked.span, by=asked.by, metric=asked.metric, where=asked.where),
        "lines": [_line(asked, row) for row in rows[:SHOWN_ROWS]],
        "left_out": max(len(rows) - SHOWN_ROWS, 0),
        "total": _total(rows),
        "presets": [(key, text, asked.link(range=key, **{"from": "", "to": ""})) for key, text in PRESETS.items()],
        "dimensions": [(key, text, asked.link(by=key)) for key, text in _dimensions(asked)],
        "metrics": [(key, text, asked.link(metric=key)) for key, text in _metrics(asked)],
        "chips": chips_of(asked),
        "csv_query": asked.link(),
        "add_ons": 0 if asked.where else add_ons_took(request.workspace, asked.span),
        "unpriced": how_many(request.workspace.pk),
        "usd_per_credit": site().usd_per_credit,
    }
    template = "overview/usage.html#report" if request.htmx.target == "report" else "overview/usage.html"
    return render(request, template, context)


@page
def usage_csv(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Every row of the table, amounts exact."""
    asked = countable(asked_of(request))
    rows = usage_rows(request.workspace, asked.span, by=asked.by, metric=asked.metric, where=asked.where)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    name = f"usage-by-{asked.by}-{asked.span.first}-{asked.span.last}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    writer = csv.writer(response)
    writer.writerow([asked.by, "name", "credits", "usd", "requests", "tokens", "quantity"])
    face = site().usd_per_credit
    for row in rows:
        amount = credits(row.nano)
        shown = value_name(asked.by, row.key, row.name)
        numbers: list[Decimal | int] = [amount, amount * face, row.requests, row.tokens, row.quantity]
        writer.writerow([_cell(row.key), _cell(shown), *map(plain_text, numbers)])
    return response


def _cell(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return "'" + text if text[:1] in "=+-@\t\r" and text else text


def asked_of(request: WorkspaceRequest) -> Asked:
    query = request.GET
    today = days.local_day(clock.now(), days.zone(request.workspace.time_zone))
    by = query.get("by", "model")
    metric = query.get("metric", "credits")
    where = {name: query[f"only_{name}"] for name in DIMENSIONS if query.get(f"only_{name}")}
    where = {name: "" if value == NOTHING else value for name, value in where.items()}
    return Asked(
        span=day_range(query, today=today),
        by=by if by in DIMENSIONS else "model",
        metric=metric if metric in METRICS else "credits",
        where={name: value for name, value in where.items() if _readable(name, value)},
    )


def countable(asked: Asked) -> Asked:
    """What totals can tell: those of end users are not divided by anything else."""
    where = {name: value for name, value in asked.where.items() if name != "end_user" and asked.by != "end_user"}
    return replace(asked, where=where)


def _dimensions(asked: Asked) -> list[tuple[str, str]]:
    return [(key, text) for key, text in DIMENSIONS.items() if key != "end_user" or not asked.where]


def _readable(name: str, value: str) -> bool:
    """Whether the database can be asked for it: no NUL, and a number where ids are numbers."""
    if name in ("project", "key") and value:
        return value.isascii() and value.isdigit() and len(value) < 19
    return "\x00" not in value


def listed(name: str, value: str) -> bool:
    """Whether requests can be listed by this value: they have many meters, and the rest was not asked for yet."""
    return name != "meter" and (value != "" or name not in ("project", "key"))


def _metrics(asked: Asked) -> list[tuple[str, str]]:
    """Quantities of different meters have different units, so they are offered by meter only."""
    offered = (
        METRICS
        if asked.by == "meter" or "meter" in asked.where
        else {k: METRICS[k] for k in METRICS if k != "quantity"}
    )
    return list(offered.items())


def _line(asked: Asked, row: BreakdownRow) -> Line:
    shown = value_name(asked.by, row.key, row.name)
    provider, slash, model = shown.partition("/")
    in_two = asked.by == "model" and slash
    return Line(
        name=model if in_two else shown,
        note=provider if in_two else meter_unit(row.key) if asked.by == "meter" else "",
        row=row,
        width=f"{row.share:.2f}%",
        drill=asked.link(**{f"only_{asked.by}": row.key or NOTHING, "by": _next_dimension(asked.by)})
        if asked.by != "end_user"
        else "",
        requests=asked.link(**{f"only_{asked.by}": row.key or NOTHING})
        if asked.listed and listed(asked.by, row.key)
        else "",
    )


def _next_dimension(by: str) -> str:
    """What a person who picked one value wants to see next."""
    return "meter" if by == "model" else "model"


def _total(rows: list[BreakdownRow]) -> dict[str, object]:
    return {
        "nano": sum(row.nano for row in rows),
        "requests": sum(row.requests for row in rows),
        "tokens": sum(row.tokens for row in rows),
    }


def chips_of(asked: Asked) -> list[tuple[str, str, str]]:
    """Filters in force: what, which value, and the link that takes it off."""
    chips = []
    for name, value in asked.where.items():
        shown = value_name(name, value, names(name, [value])[value])
        chips.append((DIMENSIONS[name], shown, asked.link(**{f"only_{name}": ""})))
    return chips
