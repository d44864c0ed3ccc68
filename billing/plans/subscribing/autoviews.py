"""The page of automatic upgrades."""

from decimal import Decimal

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.roles import Permission
from billing.credits import clock
from billing.metering.selectors.days import zone
from billing.plans.selectors import current_subscription
from billing.plans.subscribing import autoupgrade
from billing.plans.subscribing.forms import AgreeForm


def _takes_back(request: WorkspaceRequest, **_named: object) -> bool:
    return "off" in request.POST


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(Permission.MANAGE_BILLING, while_suspended=_takes_back)
def auto_upgrade(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Agreeing to automatic upgrades, and taking it back."""
    if request.method == "POST" and "off" in request.POST:
        if autoupgrade.auto_upgrade_withdraw(workspace=request.workspace, by=request.user, request=request):
            messages.success(request, "Automatic upgrades are off.")
        return redirect("plans:auto-upgrade", workspace_id)
    row, agreed = current_subscription(request.workspace.pk), autoupgrade.agreement(request.workspace.pk)
    tiers = autoupgrade.tiers_above(row)
    form = AgreeForm(
        request.POST if request.method == "POST" else None,
        tiers=tiers,
        interval=row.interval if row else "",
        initial={"highest": agreed.highest.number, "most": Decimal(agreed.most_cents) / 100} if agreed else None,
    )
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            autoupgrade.auto_upgrade_agree(
                workspace=request.workspace,
                highest=given["highest"],
                most_cents=int(given["most"] * 100),
                by=request.user,
                request=request,
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "Automatic upgrades are on.")
            return redirect("plans:auto-upgrade", workspace_id)
    with timezone.override(zone(request.workspace.time_zone)):
        context = {
            "nav": "plan",
            "form": form,
            "tiers": tiers,
            "agreed": agreed,
            "agreement": autoupgrade.AGREEMENT,
            "spent": autoupgrade.spent_this_month(request.workspace.pk, clock.now()),
        }
        return render(request, "plans/auto_upgrade.html", context, status=422 if form.errors else 200)
