"""The page for agents that top up in USDC: the command, and what was paid."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.roles import Permission
from billing.metering.selectors.days import zone
from billing.packs.x402.showing import usdc

SHOWN = 50


@never_cache
@require_safe
@workspace_page(Permission.MANAGE_BILLING)
def listed(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    context = {"nav": "credits", "usdc": usdc(request, request.workspace, SHOWN)}
    with timezone.override(zone(request.workspace.time_zone)):
        return render(request, "packs/usdc.html", context)
