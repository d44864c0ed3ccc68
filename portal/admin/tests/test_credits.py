"""Credits by hand: looking changes nothing, sending twice is sending once, and somebody is named."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.ledger.models import Lot, Operation
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant

pytestmark = pytest.mark.django_db
CREDIT = 10**9


@pytest.fixture
def staff(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(User.objects.get(pk=alice.pk), backend="django.contrib.auth.backends.ModelBackend")
    return client


def url(workspace: Workspace) -> str:
    return reverse("admin:accounts_workspace_credits", args=[workspace.pk])


def values(**changes: Any) -> dict[str, Any]:
    return {
        "key": "form-1",
        "what": "grant",
        "amount": "250.5",
        "source": "promotion",
        "label": "Sorry for the trouble",
        "expires_on": "2099-12-31",
        "reason": "outage on Monday",
        "confirmed": "on",
        **changes,
    }


def test_looking_changes_nothing(staff: Client, workspace: Workspace) -> None:
    page = staff.get(url(workspace))
    assert page.status_code == 200
    assert "I have checked the workspace and the amount" in page.content.decode()
    assert staff.get(url(workspace), values()).status_code == 200
    assert not Operation.objects.exists()


def test_each_opened_form_has_its_own_key(staff: Client, workspace: Workspace) -> None:
    first, second = (staff.get(url(workspace)).context["form"]["key"].value() for _ in range(2))
    assert first != second
    assert len(first) >= 20


def test_credits_are_given_with_a_trace(staff: Client, workspace: Workspace, alice: User) -> None:
    response = staff.post(url(workspace), values(), follow=True)
    assert "250.5 given to Northwind AI. Its balance is 250.5." in response.content.decode()
    lot = Lot.objects.get(workspace=workspace)
    assert (lot.amount, lot.label, lot.source) == (250_500_000_000, "Sorry for the trouble", "promotion")
    assert lot.expires_at is not None
    assert lot.expires_at.isoformat() == "2100-01-01T00:00:00+00:00"
    entry = AuditEntry.objects.get(action="credits.given")
    assert (entry.actor, entry.workspace, entry.reason) == (alice, workspace, "outage on Monday")


def test_sending_the_form_twice_posts_once(staff: Client, workspace: Workspace) -> None:
    staff.post(url(workspace), values())
    again = staff.post(url(workspace), values(), follow=True)
    assert "nothing was posted twice" in again.content.decode()
    assert balance(workspace.pk).available == 250_500_000_000
    assert AuditEntry.objects.filter(action="credits.given").count() == 1


def test_same_form_with_other_values_is_refused(staff: Client, workspace: Workspace) -> None:
    staff.post(url(workspace), values())
    again = staff.post(url(workspace), values(amount="9999"))
    assert "sent before with other values" in again.content.decode()
    assert balance(workspace.pk).available == 250_500_000_000


def test_credits_are_taken(staff: Client, workspace: Workspace) -> None:
    staff.post(url(workspace), values())
    staff.post(url(workspace), values(key="form-2", what="take", amount="50.5"))
    assert balance(workspace.pk).available == 200 * CREDIT
    assert AuditEntry.objects.get(action="credits.taken").after["balance"] == "200"


def test_more_than_there_is_cannot_be_taken(staff: Client, workspace: Workspace) -> None:
    staff.post(url(workspace), values())
    response = staff.post(url(workspace), values(key="form-2", what="take", amount="251"))
    assert "Nothing was taken" in response.content.decode()
    assert balance(workspace.pk).available == 250_500_000_000
    assert not AuditEntry.objects.filter(action="credits.taken").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "0"},
        {"amount": "-5"},
        {"amount": "NaN"},
        {"amount": "0.0000000001"},
        {"amount": "99999999999"},
        {"reason": ""},
        {"confirmed": ""},
        {"key": ""},
        {"expires_on": "2001-01-01"},
        {"expires_on": "9999-12-31"},
        {"what": "steal"},
    ],
)
def test_incomplete_or_odd_forms_post_nothing(staff: Client, workspace: Workspace, changes: dict[str, str]) -> None:
    response = staff.post(url(workspace), values(**changes))
    assert response.status_code == 200
    assert not Operation.objects.exists()


def test_only_staff_who_may_post_get_there(workspace: Workspace, bob: User, client: Client) -> None:
    client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(url(workspace), values()).status_code in (302, 403)
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    assert client.get(url(workspace)).status_code == 403
    assert client.post(url(workspace), values()).status_code == 403
    assert not Operation.objects.exists()


def test_without_the_forms_token_nothing_is_posted(workspace: Workspace, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(pk=alice.pk), backend="django.contrib.auth.backends.ModelBackend")
    assert strict.post(url(workspace), values()).status_code == 403
    assert not Operation.objects.exists()


def test_unknown_workspace_is_not_found(staff: Client) -> None:
    assert staff.get(reverse("admin:accounts_workspace_credits", args=[0])).status_code == 404


def test_what_has_expired_is_not_in_the_list_of_workspaces(staff: Client, workspace: Workspace) -> None:
    credits_grant(
        workspace_id=workspace.pk,
        key="k",
        amount=70 * CREDIT,
        label="Gift",
        expires_at=clock.now() + timedelta(days=1),
    )
    page = reverse("admin:accounts_workspace_changelist")
    assert "70.00" in staff.get(page).content.decode()
    with clock.at(clock.now() + timedelta(days=1)):
        assert "70.00" not in staff.get(page).content.decode()
