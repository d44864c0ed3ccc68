import pytest
from django.test import Client

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from accounts.services.members import member_add
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods, refuses_role


def row(user: User) -> int:
    return Membership.objects.get(user=user).pk


def test_everyone_in_the_workspace_sees_the_team_but_only_managers_its_controls(
    workspace: Workspace, alice_client: Client, bob_client: Client
) -> None:
    url = page(workspace, "team")
    managed, seen = alice_client.get(url).content.decode(), bob_client.get(url).content.decode()
    for html in (managed, seen):
        assert "bob@example.com" in html
        assert "No open invitations" in html
    assert "Send invitation" in managed
    assert "Send invitation" not in seen
    assert "Save the role" not in seen


def test_team_quartet(workspace: Workspace, alice_client: Client, charlie_client: Client) -> None:
    url = page(workspace, "team")
    refuses_other_methods(alice_client, url, "get")
    hides_from_strangers(charlie_client, url)
    asks_to_sign_in(url)


def test_changing_a_role(workspace: Workspace, alice_client: Client, bob: User) -> None:
    url = page(workspace, f"team/{row(bob)}/role")
    assert alice_client.post(url, {"role": "admin"}).status_code == 302
    assert Membership.objects.get(user=bob).role == Role.ADMIN
    assert alice_client.post(url, {"role": "king"}).status_code == 422
    assert Membership.objects.get(user=bob).role == Role.ADMIN


def test_the_last_owner_is_told_why_not(workspace: Workspace, alice: User, alice_client: Client) -> None:
    response = alice_client.post(page(workspace, f"team/{row(alice)}/role"), {"role": "viewer"}, follow=True)
    assert b"A workspace needs an owner" in response.content
    response = alice_client.post(page(workspace, "leave"), follow=True)
    assert b"A workspace needs an owner" in response.content
    assert Membership.objects.get(user=alice).role == Role.OWNER


def test_removing_asks_first(workspace: Workspace, alice_client: Client, bob: User, bob_client: Client) -> None:
    url = page(workspace, f"team/{row(bob)}/remove")
    assert b"Remove Bob Brown?" in alice_client.get(url).content
    assert Membership.objects.filter(user=bob).exists()
    assert alice_client.post(url)["Location"] == page(workspace, "team")
    assert not Membership.objects.filter(user=bob).exists()
    assert bob_client.get(page(workspace, "team")).status_code == 404
    assert alice_client.post(url).status_code == 404


def test_removing_oneself_is_leaving(workspace: Workspace, alice: User, alice_client: Client) -> None:
    assert alice_client.get(page(workspace, f"team/{row(alice)}/remove"))["Location"] == page(workspace, "leave")


def test_a_viewer_may_leave(workspace: Workspace, bob: User, bob_client: Client) -> None:
    url = page(workspace, "leave")
    refuses_other_methods(bob_client, url, "get", "post")
    assert b"Leave Northwind AI?" in bob_client.get(url).content
    assert bob_client.post(url)["Location"] == "/workspaces"
    assert not Membership.objects.filter(user=bob).exists()


def test_leave_quartet(workspace: Workspace, charlie_client: Client) -> None:
    for method in ("get", "post"):
        hides_from_strangers(charlie_client, page(workspace, "leave"), method)
        asks_to_sign_in(page(workspace, "leave"), method)


@pytest.mark.parametrize(("action", "methods"), [("role", ["post"]), ("remove", ["get", "post"])])
def test_member_quartet(
    action: str,
    methods: list[str],
    workspace: Workspace,
    alice: User,
    alice_client: Client,
    bob_client: Client,
    charlie_client: Client,
) -> None:
    url = page(workspace, f"team/{row(alice)}/{action}")
    refuses_other_methods(alice_client, url, *methods)
    for method in methods:
        hides_from_strangers(charlie_client, url, method)
        asks_to_sign_in(url, method)
        refuses_role(bob_client, url, method)


def test_members_of_another_workspace_are_out_of_reach(
    workspace: Workspace, alice_client: Client, charlie: User
) -> None:
    other = Workspace.objects.create(name="Other")
    theirs = member_add(workspace=other, user=charlie, role=Role.OWNER, actor=None)
    assert alice_client.post(page(workspace, f"team/{theirs.pk}/remove")).status_code == 404
    assert alice_client.post(page(workspace, f"team/{theirs.pk}/role"), {"role": "viewer"}).status_code == 404
    theirs.refresh_from_db()
    assert theirs.role == Role.OWNER
