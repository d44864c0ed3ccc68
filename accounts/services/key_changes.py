"""API keys that exist: other settings, and rotation."""

from datetime import datetime, timedelta

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import hooks
from accounts.errors import NotAllowed, Refused
from accounts.models import ApiKey, Membership, Project, User
from accounts.roles import Permission, may
from accounts.scopes import KeyKind
from accounts.services.keys import api_key_create, checked_name, checked_rate_limit, lock_open_project, scopes_allowed

# How long the old key of a rotation may go on working.
GRACES = (timedelta(0), timedelta(hours=1), timedelta(hours=24), timedelta(days=7))


def api_key_update(
    *,
    key: ApiKey,
    name: str,
    project: Project | None,
    rate_limit: int | None,
    by: User,
    request: HttpRequest | None = None,
) -> ApiKey:
    """Another name, project or limit (requests per minute; None: the site's). Scopes and expiry stay as they were made.

    Usage already recorded keeps its project. Raises `Refused`, also for a key that has ended.
    """
    name, rate_limit = checked_name(name), checked_rate_limit(rate_limit)
    with transaction.atomic():
        current = _locked(key, by)
        before, after = (
            _settings(current.name, current.project, current.rate_limit),
            _settings(name, project, rate_limit),
        )
        if before == after:
            return current
        if project is not None and project.pk != current.project_id:
            lock_open_project(project, current.workspace)
        current.name, current.project, current.rate_limit = name, project, rate_limit
        current.save(update_fields=["name", "project", "rate_limit"])
        hooks.emit(
            action="api_key.changed",
            actor=by,
            workspace=current.workspace,
            target=current.prefix,
            before=before,
            after=after,
            request=request,
        )
    return current


def api_key_rotate(
    *,
    key: ApiKey,
    grace: timedelta,
    expires_at: datetime | None,
    by: User,
    request: HttpRequest | None = None,
) -> tuple[ApiKey, str]:
    """A new key with the settings of `key`, and its plain text, which is not kept. The old one ends after `grace`.

    Whoever made the old key counts as the maker of the new one. Raises `Refused` for a key that has ended or was
    rotated before, for a grace that is not offered, and for scopes that `by` could not give a new key.
    """
    if grace not in GRACES:
        raise Refused("Choose one of the times that are offered.", field="grace")
    with transaction.atomic():
        for subscriber in hooks.key_rotating:
            subscriber(key)
        current = _locked(key, by)
        if current.replaced_by_id is not None:
            raise Refused("This key was rotated before: rotate the one that took its place.")
        _check_scopes(current, by)
        new, plain = api_key_create(
            kind=KeyKind.WORKSPACE,
            workspace=current.workspace,
            name=current.name,
            scopes=current.scopes,
            project=current.project,
            rate_limit=current.rate_limit,
            expires_at=expires_at,
            created_by=by,
            request=request,
        )
        new.created_by = current.created_by or by
        new.save(update_fields=["created_by"])
        ends = timezone.now() + grace
        current.expires_at = ends if current.expires_at is None else min(ends, current.expires_at)
        current.replaced_by = new
        current.save(update_fields=["expires_at", "replaced_by"])
        for listener in hooks.key_rotated:
            listener(current, new)
        hooks.emit(
            action="api_key.rotated",
            actor=by,
            workspace=current.workspace,
            target=current.prefix,
            after={"replaced_by": new.prefix, "works_until": current.expires_at.isoformat()},
            request=request,
        )
    return new, plain


def _locked(key: ApiKey, by: User) -> ApiKey:
    """The key's row, locked, if it works and `by` may manage keys at this moment."""
    keys = ApiKey.objects.select_for_update(no_key=True, of=("self",)).select_related("workspace", "project")
    current = keys.get(pk=key.pk)
    role = Membership.objects.values_list("role", flat=True).filter(workspace=current.workspace, user=by).first()
    if role is None or not may(role, Permission.MANAGE_KEYS):
        raise NotAllowed("Your role does not allow this any more.")
    if current.ended:
        raise Refused("This key has ended and cannot be changed. Create a new one.")
    return current


def _check_scopes(key: ApiKey, by: User) -> None:
    if key.workspace is None:
        raise ValueError("a service key is not rotated here")
    if missing := sorted(set(key.scopes) - set(scopes_allowed(workspace=key.workspace, by=by))):
        raise Refused(
            f"This key has {', '.join(missing)}, which you could not give a new key. Ask someone who may, or create one"
            " with less."
        )


def _settings(name: str, project: Project | None, rate_limit: int | None) -> dict[str, str | int | None]:
    return {"name": name, "project": project.slug if project else None, "rate_limit": rate_limit}
