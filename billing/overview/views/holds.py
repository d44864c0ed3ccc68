"""What is on hold and was, and the page of each hold."""

from django.http import Http404, HttpResponse
from django.shortcuts import render

from accounts.access import WorkspaceRequest
from billing.foundation.site.selectors import site
from billing.ledger.held import HoldStatus, recent_holds
from billing.ledger.records import parse_hold_id
from billing.overview.holdpage import hold_page
from billing.overview.holds import lines_of
from billing.overview.page import page
from billing.usage.accuracy import estimate_accuracy

ROWS = 50
SHOW: dict[str, HoldStatus | None] = {
    "all": None,
    "open": "open",
    "settled": "settled",
    "released": "released",
    "expired": "expired",
}


@page
def all_holds(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Every hold there was, latest first, or those that ended in one way."""
    wanted = request.GET.get("show", "all")
    show = wanted if wanted in SHOW else "all"
    text = request.GET.get("cursor", "")
    before = parse_hold_id(text) if text else None
    if text and before is None:
        raise Http404("no such page of holds")
    found = recent_holds(request.workspace.pk, status=SHOW[show], before=before, limit=ROWS + 1)
    context = {
        "nav": "credits",
        "show": show,
        "shows": {name: name.capitalize() if SHOW[name] else "Everything" for name in SHOW},
        "lines": lines_of(request.workspace, found[:ROWS]),
        "cursor": found[ROWS - 1].public_id if len(found) > ROWS else "",
        "later": bool(text),
        "fit": estimate_accuracy(request.workspace.pk),
    }
    template = "overview/holds.html#list" if request.htmx.target == "holds" else "overview/holds.html"
    return render(request, template, context)


@page
def hold(request: WorkspaceRequest, workspace_id: str, hold_id: str) -> HttpResponse:
    """Its lots, how it ended, and the request that settled it."""
    pk = parse_hold_id(hold_id)
    found = None if pk is None else hold_page(request.workspace, pk)
    if found is None:
        raise Http404("no such hold")
    context = {"nav": "credits", "hold": found, "row": found.row, "usd_per_credit": site().usd_per_credit}
    return render(request, "overview/hold.html", context)
