"""The door of every page of a workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from accounts import roles, viewing
from accounts.models import Membership, User, Workspace
from accounts.roles import Permission

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SEEN_EVERY = timedelta(minutes=5)

DOING = {
    Permission.VIEW: "see this",
    Permission.MANAGE_BILLING: "manage billing",
    Permission.MANAGE_KEYS: "manage keys and projects",
    Permission.MANAGE_TEAM: "manage the team",
    Permission.MANAGE_WORKSPACE: "change the workspace",
}

P = ParamSpec("P")
# Of a request to a page of a suspended workspace, with what its URL names: whether it may change what it asks for.
Lets = Callable[..., bool]


class WorkspaceRequest(HttpRequest):
    """What a view behind `workspace_page` receives (for type checkers; the attributes are set by the decorator)."""

    user: User
    workspace: Workspace
    membership: Membership
    viewing: viewing.Viewing | None  # staff who look at a customer's pages
    htmx: Any


def workspace_page(
    permission: Permission, *, while_suspended: bool | Lets = False
) -> Callable[[Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Guard a view whose URL has `<str:workspace_id>` (the workspace's public id), which the view receives as well.

    Anonymous: to the login page and back (an htmx request: the whole page goes). Not a member, or no such
    workspace: 404, so that ids tell nothing. A member whose role lacks `permission`: a 403 page. While the workspace is
    suspended, everything but reading is refused with a 403 page, unless the view says `while_suspended`: for what only
    lowers what the workspace is exposed to, or belongs to the person alone; where that holds for some requests, a
    function of the request tells which. Staff who look at it (`viewing`) change nothing, whatever a view says.
    """

    def decorate(
        view: Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase],
    ) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def inner(request: WorkspaceRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_login(request)
            membership = (
                Membership.objects.select_related("workspace")
                .filter(user=request.user, workspace__public_id=kwargs["workspace_id"])
                .first()
            )
            request.viewing = None
            if membership is None:
                request.viewing = viewing.of(request, str(kwargs["workspace_id"]))
                membership = viewing.membership_of(request.viewing, request.user)
                if membership is None:
                    raise Http404("no such workspace for this person")
            membership.user = request.user
            request.workspace, request.membership = membership.workspace, membership
            if request.viewing is None:
                _note_seen(request)
            if request.method not in SAFE and (why := _read_only(request, while_suspended, kwargs)):
                return render(request, "accounts/read_only.html", {"why": why}, status=403)
            if not roles.may(membership.role, permission):
                return forbidden(request, permission)
            return view(request, *args, **kwargs)

        return inner

    return decorate


def _read_only(request: WorkspaceRequest, while_suspended: bool | Lets, named: Mapping[str, Any]) -> str:
    """Why this cannot be changed at present; empty where it can."""
    if request.viewing is not None:
        return "viewing"
    if request.workspace.suspended_at is None:
        return ""
    lets = while_suspended(request, **named) if callable(while_suspended) else while_suspended
    return "" if lets else "suspended"


def may(request: HttpRequest, permission: Permission) -> bool:
    """Whether the person of this request may do that in the request's workspace."""
    membership: Membership | None = getattr(request, "membership", None)
    return membership is not None and roles.may(membership.role, permission)


def forbidden(request: HttpRequest, permission: Permission) -> HttpResponse:
    """The page that says which roles could do it."""
    able = [roles.Role(role).label for role in roles.Role.values if roles.may(role, permission)]
    return render(request, "accounts/forbidden.html", {"doing": DOING[permission], "able": able}, status=403)


def _to_login(request: WorkspaceRequest) -> HttpResponseBase:
    if request.htmx:
        back = request.htmx.current_url_abs_path or "/"
        return HttpResponseClientRedirect(redirect_to_login(back)["Location"])
    return redirect_to_login(request.get_full_path())


def _note_seen(request: WorkspaceRequest) -> None:
    """Remember where the person is, to bring them back here after the next login; cheap enough for polled pages."""
    membership, now = request.membership, timezone.now()
    moved = request.session.get("workspace") != request.workspace.public_id
    if moved:
        request.session["workspace"] = request.workspace.public_id
    if moved or membership.last_seen_at is None or membership.last_seen_at < now - SEEN_EVERY:
        Membership.objects.filter(pk=membership.pk).update(last_seen_at=now)
        membership.last_seen_at = now
