"""Whatever the admin saves or deletes by itself is in the audit log: who, what, before, after."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.foundation.audit.adminlog import WITHHELD, AuditedAdmin
from billing.foundation.audit.models import AuditEntry
from billing.foundation.audit.services import record
from billing.pricing.models import Meter
from portal.testing.fixtures import client_of

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def staff(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return client_of(User.objects.get(pk=alice.pk))


def entries(action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action).order_by("pk"))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_registered_model_is_written_down(model: type) -> None:
    """Django calls these for each save and deletion; nothing may come in front of ours, or save past them."""
    registered = admin.site._registry[model]
    for name in ("get_object", "save_model", "save_related", "log_addition", "log_change", "log_deletions"):
        assert getattr(type(registered), name) is getattr(AuditedAdmin, name), name
    assert not registered.list_editable  # the list's form saves without asking for the row before


def test_what_was_and_what_is_are_written_down(staff: Client, bob: User) -> None:
    group = Group.objects.create(name="Auditors")
    wish = {"name": "Robert", "is_active": "on", "is_staff": "on", "groups": [group.pk]}
    assert staff.post(reverse("admin:accounts_user_change", args=[bob.pk]), wish).status_code == 302
    (entry,) = entries("admin.changed")
    assert (entry.actor_label, entry.target) == ("alice@example.com", f"user {bob.pk}: Robert")
    assert entry.before == {"name": "Bob Brown", "is_staff": False, "groups": []}
    assert entry.after == {"name": "Robert", "is_staff": True, "groups": [group.pk]}


def test_a_save_that_changes_nothing_leaves_no_entry(staff: Client, bob: User) -> None:
    wish = {"name": "Bob Brown", "is_active": "on"}
    assert staff.post(reverse("admin:accounts_user_change", args=[bob.pk]), wish).status_code == 302
    assert not AuditEntry.objects.exists()


def test_a_password_set_by_staff_is_told_without_it(staff: Client, bob: User) -> None:
    page = reverse("admin:auth_user_password_change", args=[bob.pk])
    wish = {"password1": "battery staple 9", "password2": "battery staple 9", "usable_password": "true"}
    assert staff.post(page, wish).status_code == 302
    (entry,) = entries("admin.changed")
    assert (entry.before, entry.after) == ({"password": WITHHELD}, {"password": "(changed)"})


def test_what_is_added_is_written_down_once(staff: Client) -> None:
    meter = {
        "key": "pages_read",
        "label": "Pages read",
        "unit": "page",
        "aggregation": "sum",
        "position": "50",
        "platform": "",
        "contained_in": "",
    }
    answer = staff.post(reverse("admin:pricing_meter_add"), meter)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    (entry,) = entries("admin.added")
    assert entry.after["label"] == "Pages read"
    found = Meter.objects.get(key="pages_read")
    page = reverse("admin:pricing_meter_change", args=[found.pk])
    assert staff.post(page, meter | {"label": "Pages"}).status_code == 302
    (entry,) = entries("admin.changed")
    assert (entry.before, entry.after) == ({"label": "Pages read"}, {"label": "Pages"})


def test_what_is_deleted_is_written_down_with_what_it_was(staff: Client, bob: User) -> None:
    address = EmailAddress.objects.create(user=bob, email="old@example.com", verified=True)
    page = reverse("admin:account_emailaddress_delete", args=[address.pk])
    assert staff.post(page, {"post": "yes"}).status_code == 302
    (entry,) = entries("admin.deleted")
    assert entry.before["email"] == "old@example.com"
    factors = [Authenticator.objects.create(user=bob, type="totp", data={"secret": "abc"})]
    chosen = {"action": "delete_selected", "_selected_action": [row.pk for row in factors], "post": "yes"}
    staff.post(reverse("admin:mfa_authenticator_changelist"), chosen)
    assert not Authenticator.objects.exists()
    assert entries("admin.deleted")[-1].before["data"] == WITHHELD


def test_what_a_service_has_written_down_is_not_told_twice(staff: Client, workspace: Workspace) -> None:
    wish = {
        "name": "Southwind",
        "external_id": "",
        "time_zone": "UTC",
        "rate_limit": "",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    assert staff.post(reverse("admin:accounts_workspace_change", args=[workspace.pk]), wish).status_code == 302
    assert [entry.action for entry in AuditEntry.objects.all()] == ["workspace.renamed"]
    page = reverse("admin:foundation_sitesettings_change", args=[1])
    staff.get(page, follow=True)
    assert len(entries("admin.changed")) == 0


def test_what_else_a_request_writes_down_hides_no_save(
    staff: Client, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an entry of before, nor one of the save itself that leaves a field out."""
    page, kept = reverse("admin:accounts_user_change", args=[bob.pk]), ModelAdmin.save_model
    has_permission = admin.site.has_permission

    def seen(request: HttpRequest) -> bool:
        if request.method == "POST":
            record(action="page.seen", actor="somebody", request=request)
        return has_permission(request)

    def told(self: Any, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        kept(self, request, obj, form, change)
        record(action="person.renamed", actor="somebody", after={"name": obj.name}, request=request)

    with monkeypatch.context() as patch:
        patch.setattr(admin.site, "has_permission", seen)
        staff.post(page, {"name": "Robert", "is_active": "on"})
    assert entries("page.seen")
    (entry,) = entries("admin.changed")
    assert entry.after == {"name": "Robert"}
    with monkeypatch.context() as patch:
        patch.setattr(
            next(base for base in type(admin.site._registry[User]).__mro__[2:] if "save_model" in vars(base)),
            "save_model",
            told,
        )
        staff.post(page, {"name": "Rob", "is_active": "on", "is_staff": "on"})
    assert entries("person.renamed")[-1].after == {"name": "Rob"}
    assert (entries("admin.changed")[-1].before, entries("admin.changed")[-1].after) == (
        {"is_staff": False},
        {"is_staff": True},
    )
