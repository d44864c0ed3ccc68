"""A workspace's plan: how it stands, choosing another one, what that would do, and doing it."""

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.roles import Permission
from billing.credits import clock
from billing.foundation.site.selectors import site
from billing.gateway.checkout import Back
from billing.gateway.looking import connected
from billing.metering.selectors.days import zone
from billing.plans.models import Interval, SubscriptionChange
from billing.plans.selectors import current_subscription
from billing.plans.subscribing.cards import card_of
from billing.plans.subscribing.change import change_confirm, change_leave
from billing.plans.subscribing.choices import choice_find, offers_for
from billing.plans.subscribing.forms import ChooseForm, KeyForm, fresh_key
from billing.plans.subscribing.notices import hint
from billing.plans.subscribing.preview import change_preview
from billing.plans.subscribing.standing import standing

SHOWN = 50
Kind = SubscriptionChange.Kind
Status = SubscriptionChange.Status
manages_billing = workspace_page(Permission.MANAGE_BILLING)
lowers = workspace_page(Permission.MANAGE_BILLING, while_suspended=True)  # also while the workspace is suspended


@never_cache
@require_safe
@workspace_page(Permission.VIEW)
def plan(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """How it stands: for every member; what can be done, for those who manage billing."""
    with timezone.override(zone(request.workspace.time_zone)):
        context = {
            "nav": "plan",
            "stands": standing(request.workspace),
            "key": fresh_key(),
            "connected": connected(),
            "support_email": site().support_email,
        }
        return render(request, "plans/plan.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@manages_billing
def choose(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """The plans on offer by the month or by the year; the POST leads to what choosing one would do."""
    row = current_subscription(request.workspace.pk)
    form = ChooseForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and (leads := _preview(request, form)) is not None:
        return leads
    asked = request.POST.get("interval") or request.GET.get("interval") or (row.interval if row else "")
    interval = Interval.YEAR if asked == Interval.YEAR else Interval.MONTH
    offers = offers_for(request.workspace)
    context = {
        "nav": "plan",
        "form": form,
        "key": fresh_key(),
        "interval": interval.value,
        "by_year": any(offer.by_year for offer in offers),
        "cards": [card_of(offer, interval, row) for offer in offers],
        "row": row,
        "connected": connected(),
        "support_email": site().support_email,
    }
    return render(request, "plans/choose.html", context, status=422 if form.errors else 200)


def _preview(request: WorkspaceRequest, form: ChooseForm) -> HttpResponse | None:
    given = form.cleaned_data
    interval = given["interval"] or Interval.MONTH
    choice = choice_find(
        request.workspace,
        plan=given["plan"],
        tier=given["tier"] or 0,
        interval=interval,
        newest=given["newest"],
    )
    if choice is None:
        form.add_error(None, "There is no such plan, or not by this interval.")
        return None
    try:
        shown, _ = change_preview(
            workspace=request.workspace, choice=choice, key=f"form:{given['key']}", actor=request.user
        )
    except Refused as refused:
        form.refuse(refused)
        return None
    return redirect("plans:change", request.workspace.public_id, shown.public_id)


@require_POST
@lowers
def cancel(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Leads to what cancelling would do."""
    return _without_choice(request, Kind.CANCEL)


@require_POST
@manages_billing
def stay(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Forget a cancellation, or a change to come."""
    return _without_choice(request, Kind.KEEP)


def _without_choice(request: WorkspaceRequest, kind: str) -> HttpResponse:
    form = KeyForm(request.POST)
    key = form.cleaned_data["key"] if form.is_valid() else fresh_key()
    try:
        shown, _ = change_preview(
            workspace=request.workspace, choice=None, kind=kind, key=f"form:{kind}:{key}", actor=request.user
        )
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("plans:plan", request.workspace.public_id)
    return redirect("plans:change", request.workspace.public_id, shown.public_id)


def _cancels(request: WorkspaceRequest, change_id: str, **_named: object) -> bool:
    return _change(request, change_id).kind == Kind.CANCEL


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(Permission.MANAGE_BILLING, while_suspended=_cancels)
def change(request: WorkspaceRequest, workspace_id: str, change_id: str) -> HttpResponse:
    """What a change would do, until it is confirmed by the POST; then what became of it. htmx asks for its middle."""
    found = _change(request, change_id)
    problem = ""
    if request.method == "POST":
        try:
            found = change_confirm(change=found, back=back_to(request.build_absolute_uri), actor=request.user)
        except Refused as refused:
            problem = refused.message
            found = _change(request, change_id)
        else:
            if found.status == Status.ASKED and found.session_url:
                return HttpResponseRedirect(found.session_url)
            return redirect("plans:change", workspace_id, change_id)
    elif _came_back(request) and found.status == Status.ASKED and found.look_at is not None:
        SubscriptionChange.objects.filter(pk=found.pk, status=Status.ASKED).update(look_at=clock.now())
        hint()
    with timezone.override(zone(request.workspace.time_zone)):
        context = {
            "nav": "plan",
            "change": found,
            "next": found.shown.get("next"),
            "problem": problem,
            "came_back": "back" in request.GET,
        }
        if request.htmx:
            response = render(request, "plans/parts/change.html", context)
            if found.status == Status.DONE:
                response["HX-Trigger-After-Settle"] = "balance:refresh"
            return response
        return render(request, "plans/change.html", context, status=409 if problem else 200)


def _came_back(request: WorkspaceRequest) -> bool:
    """From Checkout; staff who look at the page did not."""
    return "back" in request.GET and request.viewing is None


def back_to(absolute: Callable[[str], str]) -> Callable[[SubscriptionChange], Back]:
    """Where Checkout leads: to the change, or back to it with nothing done."""
    return partial(_back, absolute)


def _back(absolute: Callable[[str], str], found: SubscriptionChange) -> Back:
    page = absolute(reverse("plans:change", args=[found.workspace.public_id, found.public_id]))
    return Back(f"{page}?back=1", f"{page}?left=1")


def _change(request: WorkspaceRequest, change_id: str) -> SubscriptionChange:
    rows = SubscriptionChange.objects.filter(workspace=request.workspace).select_related(
        "workspace", "subscription__version__plan", "subscription__credit_tier", "version__plan", "credit_tier"
    )
    found = None if "\0" in change_id else rows.filter(public_id=change_id).first()
    if found is None:
        raise Http404("no such change of this workspace")
    return found


@require_POST
@lowers
def leave(request: WorkspaceRequest, workspace_id: str, change_id: str) -> HttpResponse:
    """Give up what was begun and not paid."""
    try:
        left = change_leave(_change(request, change_id), by=request.user, request=request)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        if left.status in (Status.LAPSED, Status.FAILED):
            messages.success(request, "It was given up. Nothing was charged.")
    return redirect("plans:plan", workspace_id)


@require_safe
@manages_billing
def changes(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """What was changed, or begun, latest first; previews that nobody confirmed are left out."""
    rows = SubscriptionChange.objects.filter(workspace=request.workspace).exclude(status__in=["shown", "lapsed"])
    with timezone.override(zone(request.workspace.time_zone)):
        found = list(rows.select_related("version__plan", "credit_tier")[: SHOWN + 1])
        context = {"nav": "plan", "changes": found[:SHOWN], "more": len(found) > SHOWN, "most": SHOWN}
        return render(request, "plans/changes.html", context)
