from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from accounts.errors import NotAllowed, Refused
from accounts.models import Invitation, Membership, User, Workspace
from accounts.roles import Role
from accounts.services.invitations import (
    MOST_A_DAY,
    MOST_OPEN,
    invitation_accept,
    invitation_create,
    invitation_resend,
    invitation_revoke,
    token_digest,
)
from accounts.tests.mail import code_in, last_mail, link_in, mails
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods, refuses_role


@pytest.fixture
def invitation(workspace: Workspace, alice: User) -> Invitation:
    return invitation_create(workspace=workspace, email="Charlie@Example.com", role=Role.MEMBER, by=alice)


def test_the_mail_names_who_and_where_and_its_link_is_stored_as_a_hash_only(invitation: Invitation) -> None:
    mail = last_mail()
    assert mail.to == ["charlie@example.com"]
    assert mail.subject == "Alice Adams invites you to Northwind AI on Purser"
    assert "as member" in mail.body
    token = link_in(mail).rsplit("/", 1)[1]
    assert link_in(mail).startswith("http://localhost:8000/invitations/")
    assert invitation.token_digest == token_digest(token)
    assert token not in str(Invitation.objects.values_list())
    assert timedelta(days=6, hours=23) < invitation.expires_at - timezone.now() <= timedelta(days=7)


def test_an_existing_person_joins_with_the_invited_role(
    invitation: Invitation, workspace: Workspace, charlie: User, charlie_client: Client
) -> None:
    url = link_in(last_mail())
    assert b"Join Northwind AI" in charlie_client.get(url).content
    assert not workspace.memberships.filter(user=charlie).exists()  # looking is not accepting
    response = charlie_client.post(url)
    assert response["Location"] == f"/w/{workspace.public_id}/"
    assert workspace.memberships.get(user=charlie).role == Role.MEMBER
    assert charlie_client.get(url)["Location"] == f"/w/{workspace.public_id}/"
    charlie_client.post(url)
    assert workspace.memberships.filter(user=charlie).count() == 1


def test_only_the_invited_address_may_accept(invitation: Invitation, workspace: Workspace, bob_client: Client) -> None:
    Membership.objects.filter(user__email="bob@example.com").delete()
    url = link_in(last_mail())
    assert b"only the invited one can accept" in bob_client.get(url).content
    assert bob_client.post(url).status_code == 403
    assert not workspace.memberships.filter(user__email="bob@example.com").exists()


def test_an_address_that_is_not_proven_does_not_count(invitation: Invitation, charlie: User) -> None:
    EmailAddress.objects.filter(user=charlie).update(verified=False)
    with pytest.raises(NotAllowed):
        invitation_accept(invitation=invitation, user=charlie)


def test_a_second_proven_address_of_a_person_counts(workspace: Workspace, alice: User, charlie: User) -> None:
    invited = invitation_create(workspace=workspace, email="c.clark@work.example", role=Role.BILLING, by=alice)
    EmailAddress.objects.create(user=charlie, email="c.clark@work.example", verified=True)
    assert invitation_accept(invitation=invited, user=charlie).role == Role.BILLING


def test_a_new_person_signs_up_proves_the_address_and_lands_in_the_workspace(
    invitation: Invitation, workspace: Workspace
) -> None:
    Invitation.objects.update(email="dora@example.com")
    url, client = link_in(last_mail()), Client()
    assert b"Create an account and join" in client.get(url).content
    response = client.post(url, {"signup": ""})
    assert response["Location"] == "/accounts/signup/?email=dora%40example.com"
    assert b'value="dora@example.com"' in client.get(response["Location"]).content
    client.post("/accounts/signup/", {"email": "dora@example.com", "password1": "correct horse 4", "name": "Dora"})
    response = client.post("/accounts/confirm-email/", {"code": code_in(last_mail())})
    assert response["Location"] == "/"
    assert client.get("/")["Location"] == f"/w/{workspace.public_id}/"
    member = workspace.memberships.get(user__email="dora@example.com")
    assert (member.role, member.user.name) == (Role.MEMBER, "Dora")


def test_signing_in_as_somebody_else_after_the_link_does_not_join(
    invitation: Invitation, workspace: Workspace, bob: User
) -> None:
    Membership.objects.filter(user=bob).delete()
    client = Client()
    client.post(link_in(last_mail()), {"login": ""})
    client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/")
    assert not workspace.memberships.filter(user=bob).exists()


def test_an_invitation_that_ran_out_or_was_withdrawn_is_gone(
    invitation: Invitation, alice: User, charlie: User, charlie_client: Client
) -> None:
    url = link_in(last_mail())
    Invitation.objects.update(expires_at=timezone.now())
    assert charlie_client.get(url).status_code == 410
    with pytest.raises(Refused, match="run out"):
        invitation_accept(invitation=invitation, user=charlie)
    Invitation.objects.update(expires_at=timezone.now() + timedelta(days=1))
    invitation_revoke(invitation=invitation, by=alice)
    assert charlie_client.post(url).status_code == 410
    with pytest.raises(Refused, match="withdrawn"):
        invitation_accept(invitation=invitation, user=charlie)


def test_an_unknown_link_is_404(db: None) -> None:
    assert Client().get("/invitations/nonsense").status_code == 404


def test_sending_again_replaces_the_link_after_a_minute(invitation: Invitation, alice: User) -> None:
    old = link_in(last_mail())
    with pytest.raises(Refused, match="a moment ago"):
        invitation_resend(invitation=invitation, by=alice)
    Invitation.objects.update(sent_at=timezone.now() - timedelta(minutes=2))
    invitation_resend(invitation=invitation, by=alice)
    assert len(mails()) == 2
    new = link_in(last_mail())
    assert new != old
    assert Client().get(old).status_code == 404
    assert Client().get(new).status_code == 200


def test_members_and_invited_addresses_are_not_invited_again(
    invitation: Invitation, workspace: Workspace, alice: User
) -> None:
    for address in ("bob@example.com", "charlie@example.com", "CHARLIE@example.com"):
        with pytest.raises(Refused):
            invitation_create(workspace=workspace, email=address, role=Role.VIEWER, by=alice)
    Invitation.objects.update(expires_at=timezone.now(), sent_at=timezone.now() - timedelta(days=7))
    renewed = invitation_create(workspace=workspace, email="charlie@example.com", role=Role.VIEWER, by=alice)
    assert renewed.pk != invitation.pk


def test_open_invitations_are_limited(workspace: Workspace, alice: User) -> None:
    soon = timezone.now() + timedelta(days=1)
    Invitation.objects.bulk_create(
        Invitation(workspace=workspace, email=f"p{n}@example.com", role="viewer", token_digest=str(n), expires_at=soon)
        for n in range(MOST_OPEN)
    )
    with pytest.raises(Refused, match="At most"):
        invitation_create(workspace=workspace, email="one.more@example.com", role=Role.VIEWER, by=alice)


def test_revoking_does_not_make_room_for_more_mail(workspace: Workspace, alice: User) -> None:
    for number in range(MOST_A_DAY):
        address = f"p{number}@example.com"
        sent = invitation_create(workspace=workspace, email=address, role=Role.VIEWER, by=alice)
        invitation_revoke(invitation=sent, by=alice)
    with pytest.raises(Refused, match="at most 50 invitations in 24 hours"):
        invitation_create(workspace=workspace, email="one.more@example.com", role=Role.VIEWER, by=alice)
    assert len(mails()) == MOST_A_DAY
    other = Workspace.objects.create(name="Other")
    invitation_create(workspace=other, email="one.more@example.com", role=Role.VIEWER, by=None)
    Invitation.objects.update(sent_at=timezone.now() - timedelta(days=1, minutes=1))
    invitation_create(workspace=workspace, email="one.more@example.com", role=Role.VIEWER, by=alice)


def test_sending_again_counts_as_well(invitation: Invitation, workspace: Workspace, alice: User) -> None:
    def wait(pause: timedelta) -> None:
        Invitation.objects.update(sent_at=timezone.now() - pause)

    for _ in range(MOST_A_DAY - 1):
        wait(timedelta(minutes=2))
        invitation_resend(invitation=invitation, by=alice)
    wait(timedelta(minutes=2))
    with pytest.raises(Refused, match="at most 50"):
        invitation_resend(invitation=invitation, by=alice)
    with pytest.raises(Refused, match="at most 50"):
        invitation_create(workspace=workspace, email="one.more@example.com", role=Role.VIEWER, by=alice)
    wait(timedelta(days=1, minutes=1))
    for _ in range(2):
        invitation_resend(invitation=invitation, by=alice)
        wait(timedelta(minutes=2))


def test_an_address_is_not_written_to_again_at_once(invitation: Invitation, workspace: Workspace, alice: User) -> None:
    invitation_revoke(invitation=invitation, by=alice)
    with pytest.raises(Refused, match="a moment ago") as refused:
        invitation_create(workspace=workspace, email="CHARLIE@example.com", role=Role.VIEWER, by=alice)
    assert refused.value.field == "email"
    Invitation.objects.update(sent_at=timezone.now() - timedelta(minutes=2))
    invitation_create(workspace=workspace, email="charlie@example.com", role=Role.VIEWER, by=alice)
    assert len(mails()) == 2


def test_an_admin_cannot_invite_an_owner_and_a_viewer_nobody(workspace: Workspace, bob: User) -> None:
    with pytest.raises(NotAllowed):
        invitation_create(workspace=workspace, email="x@example.com", role=Role.VIEWER, by=bob)
    Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    with pytest.raises(NotAllowed):
        invitation_create(workspace=workspace, email="x@example.com", role=Role.OWNER, by=bob)


def test_the_invite_form_sends_and_says_what_is_wrong(workspace: Workspace, alice_client: Client) -> None:
    url = page(workspace, "team/invite")
    assert alice_client.post(url, {"email": "dora@example.com", "role": "viewer"}).status_code == 302
    response = alice_client.post(url, {"email": "dora@example.com", "role": "viewer"})
    assert response.status_code == 422
    assert b"was already invited" in response.content
    assert alice_client.post(url, {"email": "nope", "role": "viewer"}).status_code == 422
    assert alice_client.post(url, {"email": "e@example.com", "role": "king"}).status_code == 422
    assert len(mails()) == 1


@pytest.mark.parametrize("path", ["team/invite", "team/invitations/{pk}/resend", "team/invitations/{pk}/revoke"])
def test_quartet(
    path: str,
    invitation: Invitation,
    workspace: Workspace,
    alice_client: Client,
    bob_client: Client,
    charlie_client: Client,
) -> None:
    url = page(workspace, path.format(pk=invitation.pk))
    refuses_other_methods(alice_client, url, "post")
    hides_from_strangers(charlie_client, url, "post")
    asks_to_sign_in(url, "post")
    refuses_role(bob_client, url, "post")


def test_resend_and_revoke_from_the_page(invitation: Invitation, workspace: Workspace, alice_client: Client) -> None:
    Invitation.objects.update(sent_at=timezone.now() - timedelta(minutes=2))
    alice_client.post(page(workspace, f"team/invitations/{invitation.pk}/resend"))
    assert len(mails()) == 2
    alice_client.post(page(workspace, f"team/invitations/{invitation.pk}/revoke"))
    invitation.refresh_from_db()
    assert invitation.revoked_at
    other = Workspace.objects.create(name="Other")
    elsewhere = page(other, f"team/invitations/{invitation.pk}/revoke")
    assert alice_client.post(elsewhere).status_code == 404


def test_the_list_of_workspaces_offers_open_invitations(
    invitation: Invitation, workspace: Workspace, charlie: User, charlie_client: Client, bob_client: Client
) -> None:
    assert charlie_client.get("/")["Location"] == "/workspaces"
    assert b"Join Northwind AI" in charlie_client.get("/workspaces").content
    url = f"/workspaces/invitations/{invitation.pk}/accept"
    refuses_other_methods(charlie_client, url, "post")
    asks_to_sign_in(url, "post")
    hides_from_strangers(bob_client, url, "post")
    assert charlie_client.post(url)["Location"] == f"/w/{workspace.public_id}/"
    assert workspace.memberships.filter(user=charlie).exists()
