"""Members of a workspace: change a role, remove, leave.

Every write locks the workspace's row first and reads the roles after it. So two owners who demote each other at the
same moment cannot leave the workspace without one, and a person whose rights ended a moment ago cannot use them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.http import HttpRequest

from accounts import hooks
from accounts.errors import LastOwner, NotAllowed, Refused
from accounts.models import Membership, User, Workspace
from accounts.roles import Permission, Role, may


@contextmanager
def locked_team(workspace: Workspace, *, by: User | None) -> Iterator[Role | None]:
    """One transaction holding the workspace's row; gives the acting person's present role (None: the operator)."""
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        if by is None:
            yield None
            return
        role = Membership.objects.values_list("role", flat=True).filter(workspace=workspace, user=by).first()
        if role is None:
            raise NotAllowed("You are no longer a member of this workspace.")
        yield Role(role)


def roles_to_give(role: Role | None) -> list[Role]:
    """The roles that someone with `role` may hand out: only an owner (or the operator) makes owners."""
    if role is None or role == Role.OWNER:
        return list(Role)
    return [r for r in Role if r != Role.OWNER] if may(role, Permission.MANAGE_TEAM) else []


def member_add(
    *, workspace: Workspace, user: User, role: str, actor: User | None, request: HttpRequest | None = None
) -> Membership:
    """Made a member by the operator, without an invitation. Twice is once; the first role stays."""
    with locked_team(workspace, by=None):
        membership, added = Membership.objects.get_or_create(
            workspace=workspace, user=user, defaults={"role": Role(role)}
        )
        if added:
            hooks.emit(
                action="member.joined",
                actor=actor,
                workspace=workspace,
                target=user.email,
                after={"role": membership.role},
                request=request,
            )
    return membership


def member_role_change(
    *,
    membership: Membership,
    role: str,
    by: User | None,
    actor: User | None = None,
    request: HttpRequest | None = None,
) -> Membership:
    """Give a member another role. Raises `NotAllowed`, or `LastOwner` if no owner would remain.

    `by` is the member who asks; None: the operator, whose person (`actor`) is then only recorded.
    """
    wanted = Role(role)
    with locked_team(membership.workspace, by=by) as acting:
        current = _current(membership)
        before = Role(current.role)
        if before == wanted:
            return current
        _check_may_manage(acting, touches_owner=Role.OWNER in (before, wanted))
        if before == Role.OWNER:
            _check_owner_remains(current)
        current.role = wanted
        current.save(update_fields=["role"])
        hooks.emit(
            action="member.role_changed",
            actor=by or actor,
            workspace=current.workspace,
            target=current.user.email,
            before={"role": before.value},
            after={"role": wanted.value},
            request=request,
        )
    return current


def member_remove(
    *, membership: Membership, by: User | None, actor: User | None = None, request: HttpRequest | None = None
) -> None:
    """Take a member out; also how a person leaves (`by` is the member). Doing it again changes nothing."""
    leaves = by is not None and by.pk == membership.user_id
    with locked_team(membership.workspace, by=by) as acting:
        current = Membership.objects.select_related("workspace", "user").filter(pk=membership.pk).first()
        if current is None:
            return
        if not leaves:
            _check_may_manage(acting, touches_owner=current.role == Role.OWNER)
        if current.role == Role.OWNER:
            _check_owner_remains(current)
        current.delete()
        hooks.emit(
            action="member.left" if leaves else "member.removed",
            actor=by or actor,
            workspace=current.workspace,
            target=current.user.email,
            before={"role": current.role},
            request=request,
        )


def _current(membership: Membership) -> Membership:
    current = Membership.objects.select_related("workspace", "user").filter(pk=membership.pk).first()
    if current is None:
        raise Refused("That person is no longer a member.")
    return current


def _check_may_manage(acting: Role | None, *, touches_owner: bool) -> None:
    if acting is None:
        return
    if not may(acting, Permission.MANAGE_TEAM):
        raise NotAllowed("Only owners and admins manage the team.")
    if touches_owner and acting != Role.OWNER:
        raise NotAllowed("Only an owner can make, change or remove owners.")


def _check_owner_remains(leaving: Membership) -> None:
    others = Membership.objects.filter(workspace=leaving.workspace_id, role=Role.OWNER).exclude(pk=leaving.pk)
    if not others.exists():
        raise LastOwner("A workspace needs an owner. Make someone else an owner first.")
