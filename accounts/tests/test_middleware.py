"""When a session counts as active."""

from allauth.usersessions.models import UserSession
from django.test import Client

from accounts.models import User, Workspace


def test_opening_a_page_notes_the_session_and_a_poll_of_an_open_page_does_not(
    alice_client: Client, alice: User, workspace: Workspace
) -> None:
    UserSession.objects.all().delete()
    alice_client.get(f"/w/{workspace.public_id}/team", headers={"HX-Request": "true"})
    assert not UserSession.objects.filter(user=alice).exists()
    alice_client.get(f"/w/{workspace.public_id}/team")
    assert UserSession.objects.filter(user=alice).count() == 1
