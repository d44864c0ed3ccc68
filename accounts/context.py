"""What the frame around every page shows of the person and the workspace; used by the shell's context processor."""

from typing import Any

from django.http import HttpRequest

from accounts import roles, visits
from accounts.models import Membership
from accounts.roles import Permission
from accounts.selectors.workspaces import memberships_of

THEMES = ("light", "dark")


def shell(request: HttpRequest) -> dict[str, Any]:
    """`workspace`, `membership`, `memberships` (for the switcher), `may` (`may.manage_keys` …), `visit` (a portal
    link began this session, which reaches this workspace only), `viewing` (staff look at a customer's page) and
    `ui_theme`.

    On pages outside a workspace (account settings) the workspace is the one last seen; None if there is none.
    Worked out once per request, because allauth renders many small templates per page.
    """
    known: dict[str, Any] | None = getattr(request, "_accounts_shell", None)
    if known is None or known["membership"] is not getattr(request, "membership", known["membership"]):
        known = _shell(request)
        request._accounts_shell = known  # type: ignore[attr-defined]
    return known


def _shell(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("theme", "")
    user = getattr(request, "user", None)
    memberships = list(memberships_of(user)) if user is not None and user.is_authenticated else []
    if (visited := visits.workspace_of(request)) is not None:  # the others are not even named
        memberships = [member for member in memberships if member.workspace.public_id == visited]
    membership: Membership | None = getattr(request, "membership", None)
    if membership is None and memberships:
        last = request.session.get("workspace")
        membership = next((m for m in memberships if m.workspace.public_id == last), memberships[0])
    return {
        "workspace": membership.workspace if membership else None,
        "membership": membership,
        "memberships": memberships,
        "may": {p.name.lower(): membership is not None and roles.may(membership.role, p) for p in Permission},
        "visit": visited is not None,
        "viewing": getattr(request, "viewing", None),
        "ui_theme": theme if theme in THEMES else "",
    }
