"""The page of a lot: where it came from and where it went."""

from django.http import Http404, HttpResponse
from django.shortcuts import render

from accounts.access import WorkspaceRequest
from billing.foundation.site.selectors import site
from billing.overview.lotpage import LotPage, lot_days, lot_entries, lot_page
from billing.overview.page import page

MOST_ID = 2**62


@page
def lot(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    """What is left of it, and its entries summed by day."""
    found = _lot(request, pk)
    cursor = request.GET.get("cursor", "")
    context = {
        "nav": "credits",
        "lot": found.row,
        "page": found,
        "history": lot_days(pk, before=_id(cursor) if cursor else None),
        "later": bool(cursor),
        "usd_per_credit": site().usd_per_credit,
    }
    return render(request, "overview/lot.html", context)


@page
def entries(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    """The entries of one of its days, one by one: those between two takes, both included."""
    found = _lot(request, pk)
    first, last = _id(request.GET.get("first", "")), _id(request.GET.get("last", ""))
    rows, cursor = lot_entries(pk, first=first, last=last)
    context = {"nav": "credits", "lot": found.row, "rows": rows, "first": first, "cursor": cursor}
    return render(request, "overview/lot_entries.html", context)


def _lot(request: WorkspaceRequest, pk: int) -> LotPage:
    found = lot_page(request.workspace, pk) if pk < MOST_ID else None
    if found is None:
        raise Http404("no such lot")
    return found


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Http404("no such page of the lot")
    return int(text)
