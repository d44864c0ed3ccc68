"""Alerts and limits: what happens at which balance, what people are told, and what was told."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.roles import Permission
from billing.alerts.usage.selectors import history
from billing.alerts.usage.settings import alerts_set, settings_of
from billing.alerts.usage.words import DIGEST_RULE
from billing.metering.selectors.days import zone
from billing.metering.selectors.forecast import runway
from billing.overview.alertforms import AlertsForm, initial_of
from billing.overview.ladder import ladder, sentence
from billing.overview.page import page
from billing.packs.autotopup.standing import standing
from billing.usage.budgets.rows import rows_of
from billing.usage.budgets.selectors import budgets_of

SHOWN = 20


@page
def alerts(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    return _page(request, AlertsForm(initial=initial_of(settings_of(request.workspace))))


@require_http_methods(["POST"])
@workspace_page(Permission.MANAGE_BILLING)
def save(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    form = AlertsForm(request.POST)
    if form.is_valid():
        try:
            alerts_set(workspace=request.workspace, wanted=form.wanted(), actor=request.user, request=request)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "Saved.")
            return redirect("overview:alerts", workspace_id)
    with timezone.override(zone(request.workspace.time_zone)):
        return _page(request, form, status=422)


def _page(request: WorkspaceRequest, form: AlertsForm, *, status: int = 200) -> HttpResponse:
    workspace = request.workspace
    top_up = standing(workspace)
    rungs = ladder(workspace, top_up)
    there = top_up.balance
    context = {
        "nav": "alerts",
        "form": form,
        "rungs": rungs,
        "sentence": sentence(rungs, top_up),
        "level": there,
        "top_up": top_up,
        "budgets": rows_of(budgets_of(workspace)),
        "told": list(history(workspace)[:SHOWN]),
        "digest_rule": DIGEST_RULE,
        "runway": runway(workspace.pk, available=there) if there > 0 else None,
    }
    return render(request, "overview/alerts.html", context, status=status)
