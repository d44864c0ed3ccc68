import threading
from collections.abc import Callable

import pytest
from django.db import connection

from accounts.errors import LastOwner, NotAllowed, Refused
from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from accounts.services.members import member_add, member_remove, member_role_change, roles_to_give


def of(user: User, workspace: Workspace) -> Membership:
    return Membership.objects.get(user=user, workspace=workspace)


def test_the_last_owner_cannot_step_down_be_removed_or_leave(workspace: Workspace, alice: User) -> None:
    mine = of(alice, workspace)
    with pytest.raises(LastOwner):
        member_role_change(membership=mine, role=Role.ADMIN, by=alice)
    with pytest.raises(LastOwner):
        member_remove(membership=mine, by=alice)
    with pytest.raises(LastOwner):
        member_remove(membership=mine, by=None)
    assert of(alice, workspace).role == Role.OWNER


def test_with_a_second_owner_the_first_may_leave(workspace: Workspace, alice: User, bob: User) -> None:
    member_role_change(membership=of(bob, workspace), role=Role.OWNER, by=alice)
    member_remove(membership=of(alice, workspace), by=alice)
    assert [m.user for m in workspace.memberships.all()] == [bob]


def test_an_admin_manages_everyone_but_owners(workspace: Workspace, alice: User, bob: User, charlie: User) -> None:
    member_role_change(membership=of(bob, workspace), role=Role.ADMIN, by=alice)
    theirs = member_add(workspace=workspace, user=charlie, role=Role.VIEWER, actor=None)
    member_role_change(membership=theirs, role=Role.MEMBER, by=bob)
    for forbidden in (
        lambda: member_role_change(membership=theirs, role=Role.OWNER, by=bob),
        lambda: member_role_change(membership=of(alice, workspace), role=Role.VIEWER, by=bob),
        lambda: member_remove(membership=of(alice, workspace), by=bob),
    ):
        with pytest.raises(NotAllowed):
            forbidden()
    member_remove(membership=theirs, by=bob)
    assert not workspace.memberships.filter(user=charlie).exists()


@pytest.mark.parametrize("role", [Role.BILLING, Role.MEMBER, Role.VIEWER])
def test_lesser_roles_manage_nobody(workspace: Workspace, alice: User, bob: User, role: Role) -> None:
    Membership.objects.filter(user=bob).update(role=role)
    assert roles_to_give(role) == []
    with pytest.raises(NotAllowed):
        member_role_change(membership=of(bob, workspace), role=Role.ADMIN, by=bob)
    with pytest.raises(NotAllowed):
        member_remove(membership=of(alice, workspace), by=bob)


def test_a_stranger_can_do_nothing_even_with_the_row_in_hand(workspace: Workspace, bob: User, charlie: User) -> None:
    with pytest.raises(NotAllowed):
        member_remove(membership=of(bob, workspace), by=charlie)


def test_doing_it_again_changes_nothing(workspace: Workspace, alice: User, bob: User) -> None:
    theirs = of(bob, workspace)
    member_remove(membership=theirs, by=alice)
    member_remove(membership=theirs, by=alice)
    with pytest.raises(Refused):
        member_role_change(membership=theirs, role=Role.MEMBER, by=alice)


@pytest.mark.django_db(transaction=True)
def test_two_owners_demoting_each_other_at_once_leave_one(workspace: Workspace, alice: User, bob: User) -> None:
    Membership.objects.filter(user=bob).update(role=Role.OWNER)
    attempts: list[Callable[[], object]] = [
        lambda: member_role_change(membership=of(bob, workspace), role=Role.VIEWER, by=alice),
        lambda: member_role_change(membership=of(alice, workspace), role=Role.VIEWER, by=bob),
    ]
    refused = _at_once(attempts)
    assert len(refused) == 1
    assert workspace.memberships.filter(role=Role.OWNER).count() == 1


@pytest.mark.django_db(transaction=True)
def test_all_owners_leaving_at_once_leave_one(workspace: Workspace, alice: User, bob: User, charlie: User) -> None:
    people = [alice, bob, charlie]
    member_add(workspace=workspace, user=charlie, role=Role.OWNER, actor=None)
    Membership.objects.update(role=Role.OWNER)
    refused = _at_once([lambda p=p: member_remove(membership=of(p, workspace), by=p) for p in people])
    assert [type(error) for error in refused] == [LastOwner]
    assert workspace.memberships.filter(role=Role.OWNER).count() == 1


def _at_once(attempts: list[Callable[[], object]]) -> list[Refused]:
    """Run all in threads that start together; what was refused."""
    refused: list[Refused] = []
    barrier = threading.Barrier(len(attempts))

    def run(attempt: Callable[[], object]) -> None:
        try:
            barrier.wait(timeout=10)
            attempt()
        except Refused as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[attempt]) for attempt in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    return refused
