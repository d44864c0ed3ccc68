"""Suspending a workspace, and letting it go on: by the operator's staff only."""

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import hooks
from accounts.errors import Refused
from accounts.models import User, Workspace


def workspace_suspend(
    *, workspace: Workspace, reason: str, by: User | str, request: HttpRequest | None = None
) -> Workspace:
    """Refuse its new requests and keep its pages for reading, until it is resumed; usage that happened is recorded all
    the same. One that is suspended stays as it was. Raises Refused without a reason.
    """
    if not (reason := reason.replace("\x00", "").strip()[:500]):
        raise Refused("Say why.", field="reason")
    return _set(workspace, reason, by, request)


def workspace_resume(
    *, workspace: Workspace, reason: str, by: User | str, request: HttpRequest | None = None
) -> Workspace:
    """Let it go on; one that is not suspended stays as it is."""
    return _set(workspace, "", by, request, because=reason)


def _set(
    workspace: Workspace, reason: str, by: User | str, request: HttpRequest | None, because: str = ""
) -> Workspace:
    with transaction.atomic():
        current = Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        if (current.suspended_at is not None) == bool(reason):
            return current
        before = {"suspended": current.suspended_reason or None}
        current.suspended_at = timezone.now() if reason else None
        current.suspended_reason = reason
        current.save(update_fields=["suspended_at", "suspended_reason"])
        hooks.emit(
            action="workspace.suspended" if reason else "workspace.resumed",
            actor=by,
            workspace=current,
            target=current.public_id,
            before=before,
            after={"suspended": reason or None},
            request=request,
            reason=reason or because,
        )
        for subscriber in hooks.suspension_changed:
            subscriber(current)
    return current
