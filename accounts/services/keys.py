"""API keys: create, revoke, note their use."""

import hashlib
import secrets
import string
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from accounts import hooks
from accounts.errors import Refused
from accounts.models import ApiKey, Membership, Project, User, Workspace
from accounts.roles import Permission, may
from accounts.scopes import PREFIX, WORKSPACE_SCOPES, KeyKind, Scope

ALPHABET = string.ascii_letters + string.digits
MOST_REQUESTS = 1_000_000  # a minute
TOUCH_EVERY = timedelta(minutes=1)


def digest_of(plain: str) -> str:
    """What is stored of a key. The key has 238 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(plain.encode()).hexdigest()


def scopes_allowed(*, workspace: Workspace, by: User | None) -> list[Scope]:
    """What a new key of `workspace` may carry when `by` makes it (None: the operator, who may give all that a
    workspace can have).

    A customer must not write its own bill, and nobody hands a key more than their own role: buying needs the
    permission to manage billing.
    """
    if by is None:
        return list(WORKSPACE_SCOPES)
    role = Membership.objects.values_list("role", flat=True).filter(workspace=workspace, user=by).first()
    allowed = [Scope.USAGE_READ]
    if workspace.usage_write_allowed:
        allowed.append(Scope.USAGE_WRITE)
    allowed.append(Scope.BILLING_READ)
    if role is not None and may(role, Permission.MANAGE_BILLING):
        allowed.append(Scope.BILLING_WRITE)
    return allowed


def api_key_create(
    *,
    kind: str,
    workspace: Workspace | None,
    name: str,
    scopes: Iterable[str],
    project: Project | None = None,
    rate_limit: int | None = None,
    expires_at: datetime | None = None,
    created_by: User | None = None,
    actor: str | None = None,
    request: HttpRequest | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its plain text, which is not kept anywhere: show it now or never.

    `rate_limit` is requests per minute; `actor` says who asked, when that is no person. Raises `Refused` for scopes
    that are not allowed, an archived or foreign project, an expiry in the past or a rate limit below 1.
    """
    kind = KeyKind(kind)
    wanted = _checked_scopes(kind=kind, workspace=workspace, scopes=scopes, by=created_by)
    name, rate_limit = checked_name(name), checked_rate_limit(rate_limit)
    if expires_at is not None and expires_at <= timezone.now():
        raise Refused("Use an expiry in the future.", field="expires_at")
    prefix = PREFIX[kind] + _random(8)
    plain = f"{prefix}_{_random(40)}"
    with transaction.atomic():
        if project is not None:
            lock_open_project(project, workspace)
        key = ApiKey.objects.create(
            kind=kind,
            workspace=workspace,
            project=project,
            name=name,
            prefix=prefix,
            digest=digest_of(plain),
            scopes=wanted,
            rate_limit=rate_limit,
            expires_at=expires_at,
            created_by=created_by,
        )
        hooks.emit(
            action="api_key.created",
            actor=created_by or actor,
            workspace=workspace,
            target=prefix,
            after={"name": name, "scopes": wanted, "project": project.slug if project else None},
            request=request,
        )
    return key, plain


def api_key_revoke(*, key: ApiKey, by: User | None, request: HttpRequest | None = None) -> None:
    """End a key at once. Revoking it again changes nothing."""
    with transaction.atomic():
        now = timezone.now()
        if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
            key.refresh_from_db(fields=["revoked_at"])
            return
        key.revoked_at = now
        hooks.emit(
            action="api_key.revoked",
            actor=by,
            workspace=key.workspace,
            target=key.prefix,
            before={"name": key.name, "scopes": key.scopes},
            request=request,
        )


def touched(key: ApiKey) -> bool:
    """Whether its use was noted within the last minute."""
    return key.last_used_at is not None and key.last_used_at > timezone.now() - TOUCH_EVERY


def touch(key: ApiKey) -> None:
    """Note that the key was used now. Writes at most once a minute, whichever process saw it."""
    if touched(key):
        return
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - TOUCH_EVERY)
    if ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now):
        key.last_used_at = now


def checked_name(name: str) -> str:
    if not (name := " ".join(name.split())) or len(name) > 120 or "\x00" in name:
        raise Refused("Give the key a name of at most 120 characters.", field="name")
    return name


def checked_rate_limit(rate_limit: int | None) -> int | None:
    if rate_limit is not None and not 1 <= rate_limit <= MOST_REQUESTS:
        raise Refused(f"Use a rate limit between 1 and {MOST_REQUESTS:,} requests a minute.", field="rate_limit")
    return rate_limit


def _checked_scopes(*, kind: KeyKind, workspace: Workspace | None, scopes: Iterable[str], by: User | None) -> list[str]:
    if (workspace is None) != (kind == KeyKind.SERVICE):
        raise ValueError("a workspace key needs its workspace, a service key has none")
    wanted = set(scopes)
    allowed = list(Scope) if workspace is None else scopes_allowed(workspace=workspace, by=by)
    if refused := sorted(wanted - set(allowed)):
        raise Refused(f"Not allowed for this key: {', '.join(refused)}.", field="scopes")
    if not wanted:
        raise Refused("Choose at least one scope.", field="scopes")
    return [scope.value for scope in Scope if scope in wanted]


def lock_open_project(project: Project, workspace: Workspace | None) -> None:
    """Hold the project's row, so that it is not archived while its key is being made."""
    current = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if workspace is None or current.workspace_id != workspace.pk:
        raise Refused("That project belongs to another workspace.", field="project")
    if current.archived_at is not None:
        raise Refused("That project is archived.", field="project")


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
