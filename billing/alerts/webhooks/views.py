"""The webhooks of a workspace. Addresses may hold secrets of their own, so all pages are for those who manage it."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import once
from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from billing.alerts.webhooks.endpoints import (
    OVERLAP,
    delivery_resend,
    endpoint_change,
    endpoint_create,
    endpoint_delete,
    endpoint_switch,
    secret_rotate,
    send_test,
)
from billing.alerts.webhooks.forgetting import KEPT
from billing.alerts.webhooks.forms import EndpointForm, LogForm, shown
from billing.alerts.webhooks.models import WebhookDelivery, WebhookEndpoint
from billing.alerts.webhooks.selectors import delivery_log, endpoints_of
from billing.alerts.webhooks.switching import MANAGES


def _page(request: WorkspaceRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, f"webhooks/{template}.html", {"nav": "webhooks", **context}, status=status)


@require_GET
@workspace_page(MANAGES)
def webhooks(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    return _page(request, "list", {"endpoints": endpoints_of(request.workspace)})


@require_http_methods(["GET", "POST"])
@never_cache
@workspace_page(MANAGES)
def create(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """The secret is shown in the answer to the POST and nowhere else, so it never rests in a session or a cache."""
    form = EndpointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if once.is_repeat(request):
            messages.warning(request, "That form was already sent. If you missed the secret, rotate it.")
            return redirect("webhooks:list", workspace_id)
        try:
            endpoint, plain = endpoint_create(
                workspace=request.workspace, **form.cleaned_data, by=request.user, request=request
            )
        except Refused as refused:
            once.forget(request)
            form.refuse(refused)
        else:
            return _page(request, "secret", {"endpoint": endpoint, "plain": plain}, 201)
    return _page(request, "create", {"form": form, "once": once.new_nonce()}, 422 if form.errors else 200)


@require_GET
@workspace_page(MANAGES)
def endpoint(request: WorkspaceRequest, workspace_id: str, public_id: str) -> HttpResponse:
    found = _endpoint(request, public_id)
    form = LogForm(request.GET)
    chosen = form.chosen
    log = delivery_log(found, **chosen)
    older = urlencode({**chosen, "before": log.older}) if log.older else ""
    context = {"endpoint": found, "log": log, "form": form, "filtered": bool(chosen), "older": older, "kept": KEPT.days}
    return _page(request, "endpoint", context)


@require_http_methods(["GET", "POST"])
@workspace_page(MANAGES)
def edit(request: WorkspaceRequest, workspace_id: str, public_id: str) -> HttpResponse:
    found = _endpoint(request, public_id)
    form = EndpointForm(request.POST or None, initial=shown(found))
    if request.method == "POST" and form.is_valid():
        try:
            endpoint_change(endpoint=found, **form.cleaned_data, by=request.user, request=request)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "Saved.")
            return redirect("webhooks:endpoint", workspace_id, public_id)
    return _page(request, "edit", {"endpoint": found, "form": form}, 422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@never_cache
@workspace_page(MANAGES)
def rotate(request: WorkspaceRequest, workspace_id: str, public_id: str) -> HttpResponse:
    found = _endpoint(request, public_id)
    if request.method == "GET":
        context = {"endpoint": found, "once": once.new_nonce(), "hours": OVERLAP.total_seconds() // 3600}
        return _page(request, "rotate", context)
    if once.is_repeat(request):
        messages.warning(request, "That form was already sent. If you missed the secret, rotate it again.")
        return redirect("webhooks:endpoint", workspace_id, public_id)
    try:
        plain = secret_rotate(endpoint=found, by=request.user, request=request)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("webhooks:list", workspace_id)
    found.refresh_from_db()
    return _page(request, "secret", {"endpoint": found, "plain": plain, "rotated": True}, 201)


@require_http_methods(["GET", "POST"])
@workspace_page(MANAGES, while_suspended=True)
def delete(request: WorkspaceRequest, workspace_id: str, public_id: str) -> HttpResponse:
    found = _endpoint(request, public_id)
    if request.method == "GET":
        return _page(request, "delete", {"endpoint": found})
    with suppress(Refused):  # somebody else deleted it a moment ago
        endpoint_delete(endpoint=found, by=request.user, request=request)
    messages.success(request, "The webhook was deleted.")
    return redirect("webhooks:list", workspace_id)


@require_POST
@workspace_page(MANAGES)
def test(request: WorkspaceRequest, workspace_id: str, public_id: str) -> HttpResponse:
    try:
        delivery = send_test(endpoint=_endpoint(request, public_id), by=request.user)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("webhooks:endpoint", workspace_id, public_id)
    messages.success(request, "A test is on its way. Load this page again in a few seconds to see its answer.")
    return redirect("webhooks:delivery", workspace_id, public_id, delivery.pk)


def _switches_off(request: WorkspaceRequest, **_named: object) -> bool:
    return request.POST.get("on") != "1"


@require_POST
@workspace_page(MANAGES, while_suspended=_switches_off)
def switch(request: WorkspaceRequest, workspace_id: str, public_id: str) -> HttpResponse:
    on = request.POST.get("on") == "1"
    try:
        endpoint_switch(endpoint=_endpoint(request, public_id), on=on, by=request.user, request=request)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("webhooks:list", workspace_id)
    messages.success(request, "It is switched on." if on else "It is switched off: nothing is sent to it.")
    return redirect("webhooks:endpoint", workspace_id, public_id)


@require_GET
@workspace_page(MANAGES)
def delivery(request: WorkspaceRequest, workspace_id: str, public_id: str, pk: int) -> HttpResponse:
    found = _delivery(request, public_id, pk)
    return _page(request, "delivery", {"endpoint": found.endpoint, "delivery": found, "attempts": found.made.all()})


@require_POST
@workspace_page(MANAGES)
def resend(request: WorkspaceRequest, workspace_id: str, public_id: str, pk: int) -> HttpResponse:
    try:
        delivery_resend(delivery=_delivery(request, public_id, pk), by=request.user, request=request)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, "It is on its way. Load this page again in a few seconds to see its answer.")
    return redirect("webhooks:delivery", workspace_id, public_id, pk)


def _endpoint(request: WorkspaceRequest, public_id: str) -> WebhookEndpoint:
    return get_object_or_404(WebhookEndpoint, workspace=request.workspace, public_id=public_id.replace("\0", ""))


def _delivery(request: WorkspaceRequest, public_id: str, pk: int) -> WebhookDelivery:
    rows = WebhookDelivery.objects.select_related("endpoint", "event")
    return get_object_or_404(rows, endpoint=_endpoint(request, public_id), pk=pk)
