"""Middleware around people's sessions."""

from collections.abc import Callable
from typing import Any

from allauth.usersessions.middleware import UserSessionsMiddleware
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from accounts import visits
from accounts.models import Workspace

# What a visit needs besides its workspace's pages. Everything else is closed, whatever is added to the site later.
OPEN_TO_VISITS = frozenset(
    {
        *("accounts:portal", "accounts:theme", "account_logout", "api-docs", "favicon", "foundation:unsubscribe"),
        *("foundation:logo", "foundation:look"),
        # The same for everybody.
        *("pricing:models", "pricing:models-csv", "pricing:compare", "pricing:model", "insights:estimate-public"),
        *("standin:checkout", "standin:code", "standin:authentication", "standin:portal"),  # simulated payments
        *("standin:invoice", "standin:invoice-pdf", "standin:credit-note-pdf", "standin_usdc:transaction"),
    }
)


class SessionActivityMiddleware(UserSessionsMiddleware):
    """Notes when a session was last active: for pages a person opens, not for what an open page fetches by itself."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("HX-Request") and request.method == "GET":
            response: HttpResponse = self.get_response(request)
            return response
        result: HttpResponse = super().__call__(request)
        return result


class VisitMiddleware:
    """Keeps a session that a portal link began within its workspace (see `visits`)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        name = request.resolver_match.view_name if request.resolver_match else ""
        # Open ones first: reading the session makes an answer depend on the cookie.
        if name in OPEN_TO_VISITS or (visited := visits.workspace_of(request)) is None:
            return None
        user = request.user
        if not user.is_authenticated or user.is_staff or user.is_superuser:  # closed, or hired in the meantime
            logout(request)
            return None if not user.is_authenticated else redirect("account_login")
        if kwargs.get("workspace_id") == visited:
            return None
        workspace = Workspace.objects.filter(public_id=visited).first()
        if workspace is not None and name == "accounts:home":
            return redirect(workspace)
        return render(request, "accounts/visit_closed.html", {"visited": workspace}, status=403)
