"""Credit lots in burn order, allowances, and how credits come in."""

from django.http import HttpResponse
from django.shortcuts import render

from accounts.access import WorkspaceRequest
from billing.foundation.site.selectors import site
from billing.ledger.selectors import lots
from billing.metering.selectors.included import allowances
from billing.overview.balance import balance_card
from billing.overview.page import page

PAST = 20  # used-up and expired lots that are shown


@page
def credits(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    found = lots(request.workspace.pk)
    past = [lot for lot in found if lot.status in ("used", "expired")]
    context = {
        "nav": "credits",
        "card": balance_card(request.workspace),
        "usable": [lot for lot in found if lot.status in ("next", "active")],
        "scheduled": [lot for lot in found if lot.status == "scheduled"],
        "past": past[:PAST],
        "past_left_out": max(len(past) - PAST, 0),
        "allowances": allowances(request.workspace.pk),
        "support_email": site().support_email,
    }
    return render(request, "overview/credits.html", context)
