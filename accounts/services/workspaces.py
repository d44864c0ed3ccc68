"""Workspaces: create, rename, set the time zone."""

from typing import Any
from zoneinfo import available_timezones

from django.db import transaction
from django.http import HttpRequest

from accounts import hooks
from accounts.errors import Refused
from accounts.models import Membership, User, Workspace
from accounts.roles import Role

MOST_REQUESTS = 10_000_000  # a minute

TIME_ZONES = frozenset(zone for zone in available_timezones() if "/" in zone or zone == "UTC")


def workspace_create(
    *,
    name: str,
    owner: User | None,
    external_id: str | None = None,
    time_zone: str = "UTC",
    usage_write_allowed: bool = False,
    rate_limit: int | None = None,
    actor: User | str | None = None,
    request: HttpRequest | None = None,
) -> Workspace:
    """A new workspace with its owner (None: the operator adds people later).

    Subscribers of `hooks.workspace_created` (plan, signup grant) run in the same transaction. `usage_write_allowed`:
    the operator lets the workspace's own keys record usage. `rate_limit`: requests a minute for all its keys together.
    `actor` is who asked, when that is not the owner. Raises `Refused` for an empty name, an unknown time zone, a limit
    out of range or a taken external id.
    """
    name = _checked_name(name)
    _check_time_zone(time_zone)
    _check_rate_limit(rate_limit)
    with transaction.atomic():
        if external_id is not None and Workspace.objects.filter(external_id=external_id).exists():
            raise Refused(f"Another workspace already has the external id {external_id!r}.", field="external_id")
        workspace = Workspace.objects.create(
            name=name,
            external_id=external_id or None,
            time_zone=time_zone,
            usage_write_allowed=usage_write_allowed,
            rate_limit=rate_limit,
        )
        if owner is not None:
            Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
        for subscriber in hooks.workspace_created:
            subscriber(workspace)
        hooks.emit(
            action="workspace.created",
            actor=actor or owner,
            workspace=workspace,
            target=workspace.public_id,
            after={"name": name, "owner": owner.email if owner else None},
            request=request,
        )
    return workspace


def workspace_update(
    *, workspace: Workspace, name: str, time_zone: str, by: User | None, request: HttpRequest | None = None
) -> Workspace:
    """Rename and set the time zone in which "today" and "this month" are counted."""
    name = _checked_name(name)
    _check_time_zone(time_zone)
    with transaction.atomic():
        current = Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        before = {"name": current.name, "time_zone": current.time_zone}
        after = {"name": name, "time_zone": time_zone}
        if before == after:
            return current
        current.name, current.time_zone = name, time_zone
        current.save(update_fields=["name", "time_zone"])
        if before["time_zone"] != time_zone:
            for subscriber in hooks.time_zone_changed:
                subscriber(current)
        hooks.emit(
            action="workspace.renamed" if before["name"] != name else "workspace.time_zone_changed",
            actor=by,
            workspace=current,
            target=current.public_id,
            before=before,
            after=after,
            request=request,
        )
    return current


def workspace_terms_set(
    *,
    workspace: Workspace,
    external_id: str | None,
    usage_write_allowed: bool,
    rate_limit: int | None,
    by: User | None,
    request: HttpRequest | None = None,
) -> Workspace:
    """What only the operator decides: its own id of the customer, whether the customer's keys may record usage, and how
    many requests a minute all of them together may make (None: only each key's own limit counts).
    """
    _check_rate_limit(rate_limit)
    with transaction.atomic():
        current = Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        terms: dict[str, Any] = {
            "external_id": external_id or None,
            "usage_write_allowed": usage_write_allowed,
            "rate_limit": rate_limit,
        }
        before, after = {name: getattr(current, name) for name in terms}, terms
        if before == after:
            return current
        if external_id and Workspace.objects.filter(external_id=external_id).exclude(pk=current.pk).exists():
            raise Refused(f"Another workspace already has the external id {external_id!r}.", field="external_id")
        for name, value in terms.items():
            setattr(current, name, value)
        current.save(update_fields=list(terms))
        hooks.emit(
            action="workspace.terms_changed",
            actor=by,
            workspace=current,
            target=current.public_id,
            before=before,
            after=after,
            request=request,
        )
    return current


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused("Give the workspace a name.", field="name")
    if len(name) > 120 or "\x00" in name:
        raise Refused("Use at most 120 ordinary characters.", field="name")
    return name


def _check_rate_limit(rate_limit: int | None) -> None:
    if rate_limit is not None and not 1 <= rate_limit <= MOST_REQUESTS:
        raise Refused(f"Use a limit between 1 and {MOST_REQUESTS:,} requests a minute.", field="rate_limit")


def _check_time_zone(time_zone: str) -> None:
    if time_zone not in TIME_ZONES:
        raise Refused(f"{time_zone!r} is not a known time zone.", field="time_zone")
