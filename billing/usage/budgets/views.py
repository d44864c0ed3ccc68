"""The budgets of a workspace, and its keys that wait for a person."""

from contextlib import suppress

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.models import ApiKey
from accounts.roles import Permission
from accounts.selectors.keys import keys_of
from billing.credits.units import exact_nano
from billing.foundation.site.selectors import site
from billing.usage.budgets.forms import AmountForm, BudgetForm, shown
from billing.usage.budgets.models import Budget
from billing.usage.budgets.rows import Row, rows_of
from billing.usage.budgets.selectors import budget_of, budgets_of, paused_keys
from billing.usage.budgets.services import budget_change, budget_create, budget_remove, key_resume


@require_GET
@workspace_page(Permission.VIEW)
def budgets(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    context = {
        "nav": "budgets",
        "rows": rows_of(budgets_of(request.workspace)),
        "paused": paused_keys(request.workspace),
        "minimum": exact_nano(site().velocity_minimum),
    }
    return render(request, "budgets/list.html", context)


@require_http_methods(["GET", "POST"])
@workspace_page(Permission.MANAGE_BILLING)
def create(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    form = BudgetForm(request.POST or None, workspace=request.workspace, unit=site().credit_name_plural)
    if request.method == "POST" and form.is_valid():
        chosen = form.chosen
        try:
            budget_create(
                workspace=request.workspace,
                project=chosen.project,
                api_key=chosen.api_key,
                member=chosen.member,
                period=form.cleaned_data["period"],
                amount=form.cleaned_data["credits"],
                stops=form.stops,
                by=request.user,
                request=request,
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "The budget counts from now on; what its period has spent already is in it.")
            return redirect("budgets:list", workspace_id)
    context = {"nav": "budgets", "form": form}
    return render(request, "budgets/create.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@workspace_page(Permission.MANAGE_BILLING)
def change(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    budget = _budget(request, pk)
    form = AmountForm(request.POST or None, unit=site().credit_name_plural, initial=shown(budget))
    if request.method == "POST" and form.is_valid():
        try:
            budget_change(
                budget=budget,
                amount=form.cleaned_data["credits"],
                stops=form.stops,
                by=request.user,
                request=request,
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "Saved.")
            return redirect("budgets:list", workspace_id)
    return _page(request, "budgets/change.html", budget, form)


@require_http_methods(["GET", "POST"])
@workspace_page(Permission.MANAGE_BILLING)
def remove(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    budget = _budget(request, pk)
    if request.method == "GET":
        return _page(request, "budgets/remove.html", budget)
    with suppress(Refused):  # somebody else removed it a moment ago
        budget_remove(budget=budget, by=request.user, request=request)
    messages.success(request, "The budget was removed.")
    return redirect("budgets:list", workspace_id)


@require_POST
@workspace_page(Permission.MANAGE_BILLING)
def resume(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    key: ApiKey = get_object_or_404(keys_of(request.workspace), pk=pk)
    if key_resume(key=key, by=request.user, request=request):
        messages.success(request, f"{key.name} may spend again. The pace that paused it counts as usual from now on.")
    else:
        messages.info(request, f"{key.name} is not paused.")
    return redirect("budgets:list", workspace_id)


def _budget(request: WorkspaceRequest, pk: int) -> Budget:
    return get_object_or_404(Budget.objects.filter(workspace=request.workspace), pk=pk)


def _page(request: WorkspaceRequest, template: str, budget: Budget, form: AmountForm | None = None) -> HttpResponse:
    standing = budget_of(request.workspace, budget.pk)
    if standing is None:
        messages.info(request, "This budget was removed by someone else.")
        return redirect("budgets:list", request.workspace.public_id)
    context = {"nav": "budgets", "row": Row(standing), "form": form}
    return render(request, template, context, status=422 if form is not None and form.errors else 200)
