"""What one gets by e-mail, and ending it by a link without signing in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import WorkspaceRequest, workspace_page
from accounts.models import Workspace
from accounts.roles import Permission, Role
from billing.foundation.mail.kinds import CATEGORIES, OPTIONAL
from billing.foundation.mail.links import BadLink, Subscription, subscription_of
from billing.foundation.mail.readers import member_gets, role_gets, wanted
from billing.foundation.mail.wishes import role_mails_save, wish_by_link, wishes_save

ALWAYS = [CATEGORIES[key] for key in ("billing", "service", "security", "account")]


@require_http_methods(["GET", "POST"])
@workspace_page(Permission.VIEW, while_suspended=True)
def preferences(request: WorkspaceRequest, workspace_id: str) -> HttpResponseBase:
    """What this member gets of this workspace; owners see what roles get, too."""
    gets = member_gets(request.membership)
    if request.method == "POST":
        chosen = set(request.POST.getlist("category"))
        wanted = {key: key in chosen for key in gets}
        changed = wishes_save(membership=request.membership, wanted=wanted, request=request)
        messages.success(request, "Saved." if changed else "Nothing was changed.")
        return redirect("foundation:mail-preferences", workspace_id)
    context = {
        "nav": "workspace",
        "rows": [{"category": category, "wanted": gets[category.key]} for category in OPTIONAL if category.key in gets],
        "always": ALWAYS,
        "owner": request.membership.role == Role.OWNER,
        "roles": [Role(role) for role in Role.values],
        "table": _table(request.workspace),
    }
    return render(request, "foundation/mail/preferences.html", context)


@require_POST
@workspace_page(Permission.MANAGE_WORKSPACE)
def roles(request: WorkspaceRequest, workspace_id: str) -> HttpResponseBase:
    """What roles get. Owners only."""
    if request.membership.role != Role.OWNER:
        messages.error(request, "Only an owner decides what roles get.")
        return redirect("foundation:mail-preferences", workspace_id)
    ticked = set(request.POST.getlist("role"))
    chosen = {(role, key): f"{role}:{key}" in ticked for role, key in role_gets(request.workspace)}
    changed = role_mails_save(workspace=request.workspace, chosen=chosen, by=request.user, request=request)
    messages.success(request, "Saved." if changed else "Nothing was changed.")
    return redirect("foundation:mail-preferences", workspace_id)


def _table(workspace: Workspace) -> list[dict[str, object]]:
    gets = role_gets(workspace)
    return [
        {
            "category": category,
            "cells": [
                {"role": Role(role), "name": f"{role}:{category.key}", "gets": gets.get((role, category.key))}
                for role in Role.values
            ],
        }
        for category in OPTIONAL
    ]


@csrf_exempt  # what may be done is in the signed link; mail programs post without a page before
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """A page with the choice: opening the link changes nothing, as programs that look at links would do so. A POST does
    it, from the page or from a mail program (RFC 8058), and the same page takes it back.
    """
    try:
        what = subscription_of(token)
    except BadLink:
        return render(request, "foundation/mail/bad_link.html", status=404)
    workspace = Workspace.objects.filter(public_id=what.workspace).first()
    if workspace is None:
        return render(request, "foundation/mail/bad_link.html", {"gone": True}, status=404)
    if request.method == "POST":
        _choose(workspace, what, request)
    every = [category.key for category in OPTIONAL]
    context = {
        "workspace": workspace,
        "address": what.address,
        "category": CATEGORIES[what.category],
        "wanted": wanted(workspace, what.address, what.category),
        "any": any(wanted(workspace, what.address, key) for key in every),
        "done": request.method == "POST",
    }
    return render(request, "foundation/mail/unsubscribe.html", context)


def _choose(workspace: Workspace, what: Subscription, request: HttpRequest) -> None:
    do = request.POST.get("do", "stop")
    every = [category.key for category in OPTIONAL]
    wish_by_link(
        workspace=workspace,
        address=what.address,
        categories=every if do in ("stop-all", "start-all") else [what.category],
        wanted=do in ("start", "start-all"),
        request=request,
    )
