"""The first page, its chart card, and the fragment that keeps balances current."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from accounts.access import WorkspaceRequest
from accounts.models import Workspace
from billing.alerts.notices.standing import standing_of
from billing.credits import clock
from billing.ledger.selectors import balance
from billing.metering.selectors import days
from billing.overview.activity import feed
from billing.overview.balance import balance_card, mark_of
from billing.overview.page import page
from billing.overview.pricelist import price_list
from billing.overview.pricereader import Reader
from billing.overview.ranges import PRESETS, day_range
from billing.overview.spending import usage_chart
from billing.overview.views.credits import credits_parts

RECENT = 5
MODELS = 8
# What a page shows of the balance beside the pill; templates/overview/live.html has their names, too.
PARTS: dict[str | None, Callable[[Workspace], dict[str, Any]]] = {
    "overview": lambda workspace: {"card": balance_card(workspace)},
    "credits": credits_parts,
}


@page
def home(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Whole, or one of its cards when htmx asks for it."""
    workspace = request.workspace
    if request.htmx.target == "usage":
        return render(request, "overview/home.html#usage", _chart(request))
    card = balance_card(workspace)
    models = price_list(request.GET, reader=Reader(workspace), limit=MODELS, scale="1m", own=True)
    if request.htmx.target == "model-rows":
        return render(request, "overview/home.html#models", {"models": models, "card": card})
    context = {
        "nav": "overview",
        "card": card,
        "models": models,
        "recent": feed(workspace, limit=RECENT).entries,
        **_chart(request),
    }
    return render(request, "overview/home.html", context)


def _chart(request: WorkspaceRequest) -> dict[str, Any]:
    span = day_range(request.GET, today=_today(request.workspace))
    return {"span": span, "chart": usage_chart(request.workspace, span), "metric": "credits", "presets": PRESETS}


def _today(workspace: Workspace) -> Any:
    return days.local_day(clock.now(), days.zone(workspace.time_zone))


@page
def live(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """204 while nothing changed since the `mark` of the balance that the page shows, and what is `told` beside it (of a
    page that says so); else what the page has to replace.
    """
    found = balance(request.workspace.pk)
    mark, shown = mark_of(found), request.GET.get("told")
    told = shown is not None and shown != standing_of(request.membership, found).mark
    if request.GET.get("mark") == mark and not told:
        return HttpResponse(status=204)
    context: dict[str, Any] = {"mark": mark, "oob": True, "told": told}
    if (on := request.GET.get("on")) in PARTS:
        context |= {"on": on, **PARTS[on](request.workspace)}
        context["mark"] = context["card"].mark
    return render(request, "overview/live.html", context)
