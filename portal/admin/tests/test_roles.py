"""What each role of staff may do, asked of the server; and that no role makes itself another."""

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import User, Workspace
from accounts.staff import StaffRole
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import send
from billing.ledger.models import Lot
from billing.ledger.services import credits_grant
from portal.admin.roles import CLOSED, names_of, roles_update
from portal.testing.fixtures import client_of, person

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
PAGES = ("trial-balance", "price-approvals", "due-work", "unrated", "voice-provisioning")
Hired = Callable[[StaffRole], Client]


@pytest.fixture
def hired() -> Hired:
    """Signed in as staff of a role, and nothing else."""

    def hire(role: StaffRole) -> Client:
        user = person(f"{role.name.lower()}@example.com", "correct horse 5", role.value)
        User.objects.filter(pk=user.pk).update(is_staff=True)
        user.groups.add(Group.objects.get(name=role.value))
        return client_of(User.objects.get(pk=user.pk))

    return hire


def changelist(model: type) -> str:
    meta = model._meta  # type: ignore[attr-defined]
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")


@pytest.mark.parametrize("role", StaffRole)
def test_every_permission_of_a_role_exists_and_nothing_else_is_given(role: StaffRole) -> None:
    kept = Group.objects.get(name=role.value).permissions.select_related("content_type")
    assert {f"{row.content_type.app_label}.{row.codename}" for row in kept} == names_of(role)


@pytest.mark.parametrize("role", StaffRole)
def test_everybody_reads_all_but_what_others_sign_in_with(hired: Hired, rf: RequestFactory, role: StaffRole) -> None:
    client = hired(role)
    request = rf.get("/admin/")
    request.user = User.objects.get(email=f"{role.name.lower()}@example.com")
    for model in MODELS:
        open_to_all = model._meta.label_lower not in CLOSED
        assert admin.site._registry[model].has_view_permission(request) is open_to_all, model
        if not open_to_all:
            assert client.get(changelist(model)).status_code == 403
    for page in PAGES:
        assert client.get(reverse(page)).status_code == 200, page
    assert client.get("/admin/").status_code == 200


# What is posted, and which roles may. The forms are empty: nothing happens, but who may is asked first.
ACTS = {
    "give credits": ("workspace", "accounts", "credits", {StaffRole.FINANCE, StaffRole.ADMIN}),
    "refund a lot": ("lot", "ledger", "refund", {StaffRole.FINANCE, StaffRole.ADMIN}),
    "custom invoice": ("workspace", "accounts", "invoice", {StaffRole.FINANCE, StaffRole.ADMIN}),
}


@pytest.mark.parametrize("role", StaffRole)
@pytest.mark.parametrize("act", ACTS)
def test_money_moves_by_the_hands_of_finance(hired: Hired, workspace: Workspace, role: StaffRole, act: str) -> None:
    credits_grant(workspace_id=workspace.pk, key="k", amount=5 * NANO, label="Gift", source="bought")
    model, app, name, allowed = ACTS[act]
    row = workspace if model == "workspace" else Lot.objects.get()
    url = reverse(f"admin:{app}_{model}_change", args=[row.pk]).replace("/change/", f"/{name}/")
    client = hired(role)
    for answer in (client.get(url), client.post(url, {})):
        assert (answer.status_code == 403) is (role not in allowed), (role, answer.status_code)
        assert answer.status_code in (200, 302, 403)
    assert Lot.objects.get().remaining == 5 * NANO


@pytest.mark.parametrize(
    ("model", "allowed"),
    [
        ("pricing_markup", {StaffRole.PRICING, StaffRole.ADMIN}),
        ("plans_plan", {StaffRole.PRICING, StaffRole.ADMIN}),
        ("packs_pack", {StaffRole.PRICING, StaffRole.ADMIN}),
        ("accounts_user", {StaffRole.ADMIN}),
        ("auth_group", set()),
    ],
)
@pytest.mark.parametrize("role", StaffRole)
def test_the_catalogue_is_made_by_pricing(hired: Hired, role: StaffRole, model: str, allowed: set[StaffRole]) -> None:
    answer = hired(role).get(reverse(f"admin:{model}_add"))
    assert answer.status_code == (200 if role in allowed else 403)


@pytest.mark.parametrize("role", StaffRole)
def test_a_price_is_entered_by_pricing(hired: Hired, role: StaffRole) -> None:
    answer = hired(role).get(reverse("admin:pricing_priceline_changelist") + "enter/")
    assert answer.status_code == (200 if role in (StaffRole.PRICING, StaffRole.ADMIN) else 403)


@pytest.mark.parametrize("role", StaffRole)
def test_support_sends_messages_again(hired: Hired, role: StaffRole) -> None:
    message = send(to=["a@example.com"], subject="Your code", text="123456", kind="account")
    assert message is not None
    OutboxMessage.objects.update(status="failed")
    chosen = {"action": "send_again", "_selected_action": [message.pk]}
    hired(role).post(reverse("admin:foundation_outboxmessage_changelist"), chosen)
    sent = role is not StaffRole.PRICING
    assert OutboxMessage.objects.get().status == ("queued" if sent else "failed")


@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.FINANCE, StaffRole.PRICING])
def test_site_settings_are_read_only_for_the_others(hired: Hired, role: StaffRole) -> None:
    page = reverse("admin:foundation_sitesettings_change", args=[1])
    client = hired(role)
    assert client.get(page, follow=True).status_code == 200
    assert client.post(page, {"product_name": "Mine"}).status_code == 403


def test_administration_cannot_make_itself_a_superuser(hired: Hired, bob: User) -> None:
    client = hired(StaffRole.ADMIN)
    page = reverse("admin:accounts_user_change", args=[bob.pk])
    assert client.get(page).status_code == 200
    group = Group.objects.get(name=StaffRole.ADMIN.value)
    wish = {"name": "Bob B.", "is_active": "on", "is_staff": "on", "is_superuser": "on", "groups": [group.pk]}
    assert client.post(page, wish).status_code == 302
    bob.refresh_from_db()
    assert (bob.name, bob.is_staff, bob.is_superuser, bob.groups.count()) == ("Bob B.", False, False, 0)


def test_administration_cannot_take_over_other_staff(hired: Hired, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client = hired(StaffRole.ADMIN)
    assert client.post(reverse("admin:accounts_user_change", args=[alice.pk]), {"name": "x"}).status_code == 403
    password = {"password1": "correct horse 9", "password2": "correct horse 9", "usable_password": "true"}
    assert client.post(reverse("admin:auth_user_password_change", args=[alice.pk]), password).status_code == 403
    alice.refresh_from_db()
    assert alice.name == "Alice Adams"
    assert alice.check_password("correct horse 1")


def test_superusers_hire_but_do_not_change_what_a_role_may(alice: User, bob: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client, group = client_of(User.objects.get(pk=alice.pk)), Group.objects.get(name=StaffRole.SUPPORT.value)
    wish = {"name": "Bob", "is_active": "on", "is_staff": "on", "groups": [group.pk]}
    assert client.post(reverse("admin:accounts_user_change", args=[bob.pk]), wish).status_code == 302
    assert list(bob.groups.values_list("name", flat=True)) == [StaffRole.SUPPORT.value]
    page = reverse("admin:auth_group_change", args=[group.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, {"name": "Staff: support", "permissions": []}).status_code == 403


def test_what_was_changed_by_hand_is_as_it_should_be_after_an_update() -> None:
    group = Group.objects.get(name=StaffRole.SUPPORT.value)
    group.permissions.add(Permission.objects.get(codename="add_operation", content_type__app_label="ledger"))
    own = Group.objects.create(name="Auditors")
    own.permissions.add(Permission.objects.get(codename="view_transfer", content_type__app_label="ledger"))
    roles_update()
    assert not group.permissions.filter(codename="add_operation").exists()
    assert own.permissions.count() == 1
