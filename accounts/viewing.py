"""Looking at a customer's pages as staff: read-only, for half an hour, in the staff member's own session.

Nobody is signed in as somebody else: the session keeps the person it belongs to, and only the door of a workspace's
pages (`access.workspace_page`) lets that person look through it. What belongs to people themselves (sign-in, sessions,
second factors) has no such door.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone

from accounts import hooks
from accounts.models import Membership, User, Workspace
from accounts.roles import Role

LASTS = timedelta(minutes=30)
PERMISSION = "accounts.view_as_customer"
_NAME = "viewing"


@dataclass(frozen=True)
class Viewing:
    """A look that is going on. `workspace` is the public id."""

    workspace: str
    until: datetime


def begin(request: HttpRequest, workspace: Workspace, *, reason: str) -> Viewing:
    """Let this session look at the workspace, until the time that the audit log then says; an earlier look ends."""
    end(request)
    until = timezone.now() + LASTS
    request.session[_NAME] = {"workspace": workspace.public_id, "until": until.isoformat()}
    _tell("workspace.view_begun", request, workspace, reason, until=until.isoformat())
    return Viewing(workspace.public_id, until)


def of(request: HttpRequest, workspace_id: str) -> Viewing | None:
    """The look that is going on at this workspace. Pages are asked for it, so nothing is written: one whose time is
    over, or whose person may no longer, is none, and its end needs no entry, as that of its beginning says until when.
    """
    found = _kept(request)
    user = request.user
    if found is None or found.workspace != workspace_id or found.until <= timezone.now():
        return None
    return found if user.is_active and user.is_staff and user.has_perm(PERMISSION) else None


def end(request: HttpRequest) -> Workspace | None:
    """Forget the look of this session, and note its end if its time was not over; the workspace it was at."""
    found = _kept(request)
    workspace = Workspace.objects.filter(public_id=found.workspace).first() if found else None
    if found is not None:
        del request.session[_NAME]
    if found is not None and workspace is not None and found.until > timezone.now():
        _tell("workspace.view_ended", request, workspace, "ended by who looked")
    return workspace


def _kept(request: HttpRequest) -> Viewing | None:
    kept = request.session.get(_NAME) if hasattr(request, "session") else None
    return Viewing(kept["workspace"], datetime.fromisoformat(kept["until"])) if kept else None


def membership_of(found: Viewing | None, user: User) -> Membership | None:
    """What stands for a membership while that person looks: an owner's view from the first day on, never saved."""
    workspace = Workspace.objects.filter(public_id=found.workspace).first() if found else None
    if workspace is None:
        return None
    return Membership(workspace=workspace, user=user, role=Role.OWNER, created_at=workspace.created_at)


def _tell(action: str, request: HttpRequest, workspace: Workspace, reason: str, **after: str) -> None:
    user = request.user if isinstance(request.user, User) else None
    hooks.emit(
        action=action,
        actor=user,
        workspace=workspace,
        target=workspace.public_id,
        after=after or None,
        request=request,
        reason=reason,
    )
