"""Staff look at a customer's pages: for reading, for half an hour, as themselves, with a trace."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import viewing
from accounts.models import Membership, User, Workspace
from accounts.staff import StaffRole
from billing.alerts.notices.models import Notice, NoticeRead
from billing.foundation.adminforms import new_key
from billing.foundation.audit.models import AuditEntry
from portal.testing.fixtures import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def sam(db: None) -> User:
    user = person("sam@example.com", "correct horse 9", "Sam Support")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.groups.add(Group.objects.get(name=StaffRole.SUPPORT.value))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def client(sam: User) -> Client:
    return client_of(sam)


def look(client: Client, workspace: Workspace, **changes: Any) -> Any:
    url = reverse("admin:accounts_workspace_view_as", args=[workspace.pk])
    return client.post(url, {"key": new_key(), "reason": "ticket 7", "confirmed": "on", **changes}, follow=True)


def entries(workspace: Workspace) -> list[tuple[str, str]]:
    found = AuditEntry.objects.filter(workspace=workspace, action__startswith="workspace.view")
    return [(entry.action, entry.reason) for entry in found.order_by("pk")]


def test_the_pages_are_shown_with_a_banner_and_a_way_back(client: Client, sam: User, workspace: Workspace) -> None:
    assert client.get(workspace.get_absolute_url()).status_code == 404
    page = look(client, workspace)
    html = page.content.decode()
    assert page.request["PATH_INFO"] == workspace.get_absolute_url()
    assert "as its owner sees it" in html
    assert reverse("view-as-end") in html
    assert int(client.session["_auth_user_id"]) == sam.pk  # nobody is signed in as somebody else
    assert not Membership.objects.filter(user=sam).exists()

    back = client.post(reverse("view-as-end"))
    assert back["Location"] == reverse("workspace-desk", args=[workspace.pk])
    assert client.get(workspace.get_absolute_url()).status_code == 404
    assert entries(workspace) == [
        ("workspace.view_begun", "ticket 7"),
        ("workspace.view_ended", "ended by who looked"),
    ]
    assert {entry.actor for entry in AuditEntry.objects.filter(action__startswith="workspace.view")} == {sam}


def test_notices_are_seen_as_the_owner_sees_them_and_stay_unread(client: Client, workspace: Workspace) -> None:
    notice = Notice.objects.create(
        workspace=workspace, kind="credits.low", audience="billing", title="Low", text="Low", path="", key="n"
    )
    look(client, workspace)
    page = client.get(reverse("notices:notice", args=[workspace.public_id, notice.pk]))
    assert page.status_code in (200, 302)
    assert not NoticeRead.objects.exists()


def test_looking_at_the_form_begins_nothing(client: Client, workspace: Workspace) -> None:
    assert client.get(reverse("admin:accounts_workspace_view_as", args=[workspace.pk])).status_code == 200
    assert look(client, workspace, confirmed="").status_code == 200
    assert client.get(workspace.get_absolute_url()).status_code == 404
    assert entries(workspace) == []


def test_it_reaches_that_workspace_only(client: Client, workspace: Workspace) -> None:
    other = Workspace.objects.create(name="Other")
    look(client, workspace)
    assert client.get(other.get_absolute_url()).status_code == 404
    look(client, other)
    assert client.get(workspace.get_absolute_url()).status_code == 404
    assert entries(workspace)[-1] == ("workspace.view_ended", "ended by who looked")


def test_it_ends_after_half_an_hour(client: Client, workspace: Workspace) -> None:
    look(client, workspace)
    session = client.session
    session["viewing"] = {**session["viewing"], "until": (timezone.now() - timedelta(seconds=1)).isoformat()}
    session.save()
    assert client.get(workspace.get_absolute_url()).status_code == 404
    # Pages write nothing: the entry of the beginning says until when, and what is left over is put away by a POST.
    assert entries(workspace) == [("workspace.view_begun", "ticket 7")]
    begun = AuditEntry.objects.get(action="workspace.view_begun")
    until = datetime.fromisoformat(begun.after["until"])
    assert abs(until - begun.at - viewing.LASTS) < timedelta(seconds=5)
    assert timedelta(minutes=30) == viewing.LASTS
    assert client.post(reverse("view-as-end")).status_code == 302
    assert "viewing" not in client.session
    look(client, workspace)
    assert [action for action, _ in entries(workspace)] == ["workspace.view_begun"] * 2


def test_it_ends_when_the_person_may_no_longer(client: Client, sam: User, workspace: Workspace) -> None:
    look(client, workspace)
    sam.groups.clear()
    assert client.get(workspace.get_absolute_url()).status_code == 404
    assert entries(workspace) == [("workspace.view_begun", "ticket 7")]


def test_who_may_not_is_refused(workspace: Workspace) -> None:
    user = person("paula@example.com", "correct horse 9", "Paula")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.groups.add(Group.objects.get(name=StaffRole.PRICING.value))
    client = client_of(User.objects.get(pk=user.pk))
    assert look(client, workspace).status_code == 403
    assert "viewing" not in client.session


def test_a_member_opens_it_as_always(alice: User, workspace: Workspace) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client = client_of(User.objects.get(pk=alice.pk))
    assert "You are a member of this workspace yourself" in look(client, workspace).content.decode()
    assert "as its owner sees it" not in client.get(workspace.get_absolute_url()).content.decode()


def test_a_forged_session_of_somebody_else_opens_nothing(charlie_client: Client, workspace: Workspace) -> None:
    session = charlie_client.session
    later = (timezone.now() + timedelta(minutes=5)).isoformat()
    session["viewing"] = {"workspace": workspace.public_id, "until": later}
    session.save()
    assert charlie_client.get(workspace.get_absolute_url()).status_code == 404


def test_ending_needs_a_post(client: Client, workspace: Workspace) -> None:
    look(client, workspace)
    assert client.get(reverse("view-as-end")).status_code == 405
    assert client.get(workspace.get_absolute_url()).status_code == 200
