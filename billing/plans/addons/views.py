"""Add-ons of a workspace: what there is, what a change would do, and doing it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.roles import Permission
from billing.credits import clock
from billing.foundation.adminforms import new_key
from billing.foundation.site.selectors import site
from billing.metering.selectors.days import zone
from billing.plans.addons.changes import Preview, addon_preview
from billing.plans.addons.errors import NotEnoughCredits, PreviewOutdated
from billing.plans.addons.forms import ConfirmForm, QuantityForm
from billing.plans.addons.selectors import Offer, monthly_of, next_charge, offer_named, offers
from billing.plans.addons.services import addon_set
from billing.plans.addons.words import to_add
from billing.plans.models import AddOnChange


@require_safe
@workspace_page(Permission.VIEW)
def listed(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """What is on offer, and what the workspace has of it."""
    rows = offers(request.workspace)
    with timezone.override(zone(request.workspace.time_zone)):
        context = {
            "nav": "plan",
            "offers": rows,
            "monthly": monthly_of(request.workspace),
            "next_charge": next_charge(rows, clock.now()),
            "usd_per_credit": site().usd_per_credit,
        }
        return render(request, "plans/addons.html", context)


def _removes(request: WorkspaceRequest, **_named: object) -> bool:
    return request.POST.get("quantity", "").strip() == "0"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(Permission.MANAGE_BILLING, while_suspended=_removes)
def change(request: WorkspaceRequest, workspace_id: str, addon_key: str) -> HttpResponse:
    """A GET with `quantity` shows what that would do; the POST does exactly this, once."""
    offer = offer_named(request.workspace, addon_key)
    if offer is None:
        raise Http404("no such add-on")
    with timezone.override(zone(request.workspace.time_zone)):
        if request.method == "POST":
            return _confirmed(request, offer)
        asked = request.GET if "quantity" in request.GET else None
        return _asked(request, offer, QuantityForm(asked, offer=offer, initial={"quantity": _first(offer)}))


def _first(offer: Offer) -> int:
    return offer.held.quantity if offer.held else 1


def _asked(request: WorkspaceRequest, offer: Offer, form: QuantityForm, *, status: int = 200) -> HttpResponse:
    preview = _preview(request, offer, form) if form.is_bound and form.is_valid() else None
    context: dict[str, Any] = {
        "nav": "plan",
        "offer": offer,
        "form": form,
        "preview": preview,
        "missing": to_add(preview.missing) if preview else "",
        "key": new_key(),
        "usd_per_credit": site().usd_per_credit,
    }
    return render(request, "plans/addon.html", context, status=422 if form.errors else status)


def _preview(request: WorkspaceRequest, offer: Offer, form: QuantityForm) -> Preview | None:
    try:
        quantity = form.cleaned_data["quantity"]
        return addon_preview(workspace=request.workspace, addon_key=offer.addon.key, quantity=quantity)
    except Refused as refused:
        form.refuse(refused)
        return None


def _confirmed(request: WorkspaceRequest, offer: Offer) -> HttpResponse:
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        messages.error(request, "This could not be read. Nothing was changed. Choose again.")
        return redirect("addons:change", request.workspace.public_id, offer.addon.key)
    given = form.cleaned_data
    try:
        done = addon_set(
            workspace=request.workspace,
            addon_key=offer.addon.key,
            quantity=given["quantity"],
            key=f"form:{given['key']}",
            actor=request.user,
            at=given["at"],
            expected=given["charged"],
            request=request,
        )
    except (PreviewOutdated, NotEnoughCredits) as refused:
        again = QuantityForm({"quantity": given["quantity"]}, offer=offer)
        messages.error(request, refused.message)
        return _asked(request, offer, again, status=409)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("addons:change", request.workspace.public_id, offer.addon.key)
    messages.success(request, _said(done.change))
    return redirect("addons:list", request.workspace.public_id)


def _said(done: AddOnChange) -> str:
    """What the change did, in a sentence."""
    name, when = done.held.name, f"{timezone.localtime(done.effective_at):%-d %B %Y}"
    if done.effective_at > done.at:
        return f"{name} ends on {when}." if done.quantity == 0 else f"{name}: {done.quantity} from {when} on."
    return f"{name} is removed." if done.quantity == 0 else f"{name}: {done.quantity} from now on."
