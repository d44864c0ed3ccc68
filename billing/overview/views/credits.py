"""Credit lots in burn order, allowances, and how credits come in."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from accounts.access import WorkspaceRequest
from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.site.selectors import site
from billing.gateway.looking import connected
from billing.ledger.selectors import lots, pending
from billing.metering.selectors.included import allowances
from billing.overview.balance import balance_card
from billing.overview.holds import open_holds
from billing.overview.page import page
from billing.packs.selectors import in_flight
from billing.packs.x402.showing import on_their_way, usdc

LATEST_IN_USDC = 3
PAST = 20  # used-up and expired lots that are shown


@page
def credits(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    parts = credits_parts(request.workspace)
    context = {
        "nav": "credits",
        **parts,
        "past": parts["past"][:PAST],
        "past_left_out": max(len(parts["past"]) - PAST, 0),
        "allowances": allowances(request.workspace.pk),
        "support_email": site().support_email,
        "in_flight": list(in_flight(request.workspace.pk)),
        "usdc_in_flight": on_their_way(request.workspace.pk),
        "pending": pending(request.workspace.pk),
        "usdc": usdc(request, request.workspace, LATEST_IN_USDC),
        "connected": connected(),
    }
    return render(request, "overview/credits.html", context)


def credits_parts(workspace: Workspace) -> dict[str, Any]:
    """The lots, what is on hold, and the balance, at one instant."""
    now = clock.now()
    found = lots(workspace.pk, now)
    ending = [lot for lot in found if lot.expires_at and lot.remaining > lot.held and lot.status != "scheduled"]
    return {
        "card": balance_card(workspace, now=now),
        "usable": [lot for lot in found if lot.status in ("next", "active")],
        "scheduled": [lot for lot in found if lot.status == "scheduled"],
        "past": [lot for lot in found if lot.status in ("used", "expired")],
        "next_to_expire": min(ending, key=lambda lot: (lot.expires_at, lot.id), default=None),
        "on_hold": open_holds(workspace, now),
    }
