"""The pages of moving in: try, look, confirm; by the role, and never by a GET."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from accounts.staff import StaffRole
from billing.foundation.audit.models import AuditEntry
from billing.foundation.imports.models import ImportRun
from portal.testing.fixtures import client_of, person

pytestmark = pytest.mark.django_db
LIST, PAGE = reverse("moving-in"), reverse("import", args=["workspaces"])
GOOD = b"external_id,name,owner_email,credits,source\nc-1,North & <b>wind</b>,ann@example.org,25000,bought\n"


@pytest.fixture
def staff(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return client_of(User.objects.get(pk=alice.pk))


def tried(client: Client, data: bytes = GOOD) -> Any:
    return client.post(PAGE, {"file": SimpleUploadedFile("customers.csv", data, content_type="text/csv")})


def test_a_file_is_tried_looked_at_and_taken_in_once(staff: Client) -> None:
    assert "Nothing yet" in staff.get(LIST).content.decode()
    assert staff.get(PAGE).status_code == 200
    answer = tried(staff)
    text = answer.content.decode()
    assert "What customers.csv would do" in text
    assert "North &amp; &lt;b&gt;wind" in text
    assert not Workspace.objects.exists()
    assert not AuditEntry.objects.exists()
    upload = answer.context["confirm"].initial["upload"]
    answer = staff.post(PAGE, {"upload": upload, "reason": ""})  # not confirmed
    assert "What customers.csv would do" in answer.content.decode()
    assert not Workspace.objects.exists()
    wish = {"upload": upload, "reason": "we move in", "confirmed": "on"}
    page = staff.post(PAGE, wish, follow=True).content.decode()
    assert "1 rows were imported" in page
    assert Workspace.objects.get().name == "North & <b>wind</b>"
    entry = AuditEntry.objects.get(action="import.workspaces")
    assert (entry.actor_label, entry.reason, entry.ip) == ("alice@example.com", "we move in", "127.0.0.1")
    assert "was imported on" in staff.post(PAGE, wish, follow=True).content.decode()
    assert "was imported before" in tried(staff).content.decode()
    assert (Workspace.objects.count(), ImportRun.objects.count()) == (1, 1)


def test_what_is_wrong_is_shown_and_cannot_be_confirmed(staff: Client) -> None:
    answer = tried(staff, b"external_id,name,owner_email\nc-1,,ann\n")
    text = answer.content.decode()
    assert "2 problems" in text
    assert "no e-mail address" in text
    assert answer.context["confirm"] is None


def test_a_file_that_was_tampered_with_is_refused(staff: Client) -> None:
    wish = {"upload": tried(staff).context["confirm"].initial["upload"][:-2] + "xx", "reason": "x", "confirmed": "on"}
    assert "Choose the file again" in staff.post(PAGE, wish, follow=True).content.decode()
    assert not Workspace.objects.exists()


def test_what_changed_between_looking_and_confirming_is_told(staff: Client) -> None:
    upload = tried(staff).context["confirm"].initial["upload"]
    User.objects.create_user("ann@example.org", is_active=False)
    answer = staff.post(PAGE, {"upload": upload, "reason": "x", "confirmed": "on"})
    text = answer.content.decode()
    assert "something has changed since you looked" in text
    assert "The account of ann@example.org is closed" in text
    assert not Workspace.objects.exists()


@pytest.mark.parametrize("role", StaffRole)
def test_who_may(role: StaffRole) -> None:
    user = person("staff@example.com", "correct horse 5", "Staff")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.groups.add(Group.objects.get(name=role.value))
    client = client_of(User.objects.get(pk=user.pk))
    allowed = role is StaffRole.ADMIN
    assert (client.get(LIST).status_code == 200) is allowed
    for kind in ("workspaces", "stripe-customers"):
        page = reverse("import", args=[kind])
        assert (client.get(page).status_code == 200) is allowed
        assert (client.post(page, {}).status_code == 200) is allowed


def test_samples_can_be_imported(staff: Client) -> None:
    for kind in ("workspaces",):
        sample = staff.get(reverse("import-sample", args=[kind]))
        assert "What customers.csv would do" in tried(staff, sample.content).content.decode()
    assert staff.get(reverse("import", args=["nothing"])).status_code == 404
