"""Models & pricing: every model with this customer's prices, and what the platform itself charges."""

from django.http import Http404, HttpResponse
from django.shortcuts import render

from accounts.access import WorkspaceRequest
from billing.ledger.selectors import balance
from billing.overview.page import page
from billing.overview.pricelist import CURRENCIES, SCALES, price_list, shown
from billing.pricing.selectors import BadCursor, platform_prices

ROWS = 50


@page
def models(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    try:
        found = price_list(
            request.GET, workspace=request.workspace, available=balance(request.workspace.pk).available, limit=ROWS
        )
    except BadCursor as error:
        raise Http404("no such page of the price list") from error
    context = {
        "nav": "models",
        "models": found,
        "platform": [shown(price, SCALES[found.scale]) for price in platform_prices()],
        "scales": [(key, text, found.link(per=key)) for key, (_size, text) in SCALES.items()],
        "currencies": [(key, text, found.link(**{"in": key})) for key, text in CURRENCIES.items()],
        "next": found.link(cursor=found.next_cursor) if found.next_cursor else "",
        "first": found.link() if request.GET.get("cursor") else "",
    }
    template = "overview/models.html#list" if request.htmx.target == "price-list" else "overview/models.html"
    return render(request, template, context)
