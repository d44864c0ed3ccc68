"""The page of one customer: all of it in few queries, each part for those who may read its list, and notes."""

import hashlib
from collections.abc import Callable
from time import perf_counter

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import ApiKey, User, Workspace
from accounts.scopes import KeyKind, Scope
from accounts.services.keys import api_key_create
from accounts.staff import StaffRole
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.audit.services import record
from billing.foundation.desk.models import StaffNote
from billing.foundation.outbox.services import send
from billing.gateway.models import StripeCustomer
from billing.ledger.services import credits_grant
from portal.admin.finding import found_workspaces
from portal.testing.fixtures import client_of, person

pytestmark = pytest.mark.django_db
MOST_QUERIES = 45


def staff(email: str = "dora@example.com", role: StaffRole | None = None) -> User:
    user = person(email, "correct horse 9", "Dora")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=role is None)
    if role is not None:
        user.groups.add(Group.objects.get(name=role.value))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def client(db: None) -> Client:
    return client_of(staff())


def desk(workspace: Workspace) -> str:
    return reverse("workspace-desk", args=[workspace.pk])


@pytest.fixture
def busy(workspace: Workspace, workspace_key: Callable[..., tuple[ApiKey, str]]) -> Workspace:
    for number in range(8):
        credits_grant(workspace_id=workspace.pk, key=f"g{number}", amount=(number + 1) * NANO, label=f"Gift {number}")
        workspace_key(name=f"key {number}")
        record(action="test.done", actor="system", workspace=workspace, target=f"number {number}")
        send(to=[f"p{number}@example.com"], subject=f"Mail {number}", text="Hello", kind="account", workspace=workspace)
    return workspace


def test_it_shows_everything_in_few_queries_and_fast(client: Client, busy: Workspace) -> None:
    client.get(desk(busy))
    with CaptureQueriesContext(connection) as seen:
        started = perf_counter()
        page = client.get(desk(busy))
        took = perf_counter() - started
    assert page.status_code == 200
    assert len(seen) <= MOST_QUERIES, [one["sql"][:150] for one in seen]
    assert took < 1.5  # 0.3 on an idle machine
    html = page.content.decode()
    for words in ("36.00", "Gift 7", "alice@example.com", "key 7", "Mail 7", "number 7", "Give or take credits"):
        assert words in html, words
    for part in ("plan", "lots", "ledger", "days", "models", "invoices", "purchases", "members", "keys", "agreed"):
        assert f'id="{part}"' in html, part
    key = ApiKey.objects.filter(workspace=busy).latest("pk")
    assert key.digest not in html


def test_the_number_of_queries_does_not_grow_with_what_there_is(
    client: Client, workspace: Workspace, workspace_key: Callable[..., tuple[ApiKey, str]]
) -> None:
    client.get(desk(workspace))
    with CaptureQueriesContext(connection) as empty:
        assert client.get(desk(workspace)).status_code == 200
    for number in range(12):
        credits_grant(workspace_id=workspace.pk, key=f"g{number}", amount=NANO, label="Gift")
        workspace_key(name=f"key {number}")
        send(to=["p@example.com"], subject="Mail", text="Hello", kind="account", workspace=workspace)
    with CaptureQueriesContext(connection) as full:
        client.get(desk(workspace))
    assert len(full) <= len(empty) + 2


def test_every_link_and_button_of_the_page_opens(client: Client, busy: Workspace) -> None:
    page = client.get(desk(busy))
    links = {url for _, url in page.context["acts"]} | {part.more for part in page.context["parts"] if part.more}
    assert len(links) > 18
    for url in sorted(links):
        assert client.get(url, follow=True).status_code == 200, url


@pytest.mark.parametrize("role", StaffRole)
def test_each_role_sees_the_buttons_it_may_use(workspace: Workspace, role: StaffRole) -> None:
    page = client_of(staff(role=role)).get(desk(workspace))
    titles = {title for title, _ in page.context["acts"]}
    finance = {
        "Give or take credits",
        "Refund or extend a lot",
        "Take back a grant",
        "Custom invoice",
        "Suspend",
        "Change its plan",
    }
    expected = {
        StaffRole.SUPPORT: {"View as customer"},
        StaffRole.FINANCE: finance | {"View as customer"},
        StaffRole.PRICING: {"Agree on a price", "Agree on tiers", "Limits of its own"},
        StaffRole.ADMIN: finance
        | {"View as customer", "Edit", "Agree on a price", "Agree on tiers", "Limits of its own"},
    }[role]
    assert titles == expected


def test_a_part_is_shown_only_to_those_who_may_read_its_list(workspace: Workspace) -> None:
    user = person("narrow@example.com", "correct horse 9", "Narrow")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    assert client_of(user).get(desk(workspace)).status_code in (302, 403)
    user.user_permissions.add(Permission.objects.get(codename="view_workspace"))
    user.user_permissions.add(Permission.objects.get(codename="view_lot"))
    page = client_of(User.objects.get(pk=user.pk)).get(desk(workspace))
    assert [part.key for part in page.context["parts"]] == ["lots", "members"]
    assert page.context["tiles"] == []
    assert page.context["notes"] is None


def test_nobody_else_sees_it(workspace: Workspace, alice_client: Client) -> None:
    assert alice_client.get(desk(workspace)).status_code == 302
    assert Client().get(desk(workspace)).status_code == 302
    assert client_of(staff()).post(desk(workspace)).status_code == 405
    assert client_of(User.objects.get(email="dora@example.com")).get("/admin/workspaces/99999/").status_code == 404


def test_customers_are_found_by_what_staff_have_at_hand(client: Client, workspace: Workspace, alice: User) -> None:
    other = Workspace.objects.create(name="Other", external_id="crm-77")
    key, plain = api_key_create(kind=KeyKind.WORKSPACE, workspace=workspace, name="k", scopes=[Scope.USAGE_READ])
    StripeCustomer.objects.create(workspace=workspace, livemode=False, stripe_id="cus_123")
    terms = ("northwind", workspace.public_id, alice.email, "cus_123", key.prefix, key.digest)
    for term in terms:
        assert found_workspaces(term) == {workspace.pk}, term
    assert hashlib.sha256(plain.encode()).hexdigest() == key.digest
    assert found_workspaces(plain) == set()  # it has no business in an address
    assert found_workspaces("crm-77") == {other.pk}
    assert found_workspaces("cus_1") == set()
    listed = client.get(reverse("admin:accounts_workspace_changelist"), {"q": alice.email}).content.decode()
    assert desk(workspace) in listed
    assert desk(other) not in listed


def note(client: Client, workspace: Workspace, text: str, key: str = "n1", replaces: str = "") -> str:
    url = reverse("admin:accounts_workspace_note", args=[workspace.pk]) + (f"?replaces={replaces}" if replaces else "")
    return client.post(url, {"key": key, "text": text}, follow=True).content.decode()


def test_notes_are_written_replaced_and_withdrawn_with_a_trace(client: Client, workspace: Workspace) -> None:
    assert "Calls on Fridays" in note(client, workspace, "Calls on Fridays")
    assert "noted already" in note(client, workspace, "Calls on Fridays")
    first = StaffNote.objects.get()
    assert (first.author_label, first.text) == ("dora@example.com", "Calls on Fridays")
    page = note(client, workspace, "Calls on Mondays", "n2", str(first.pk))
    assert "Calls on Mondays" in page
    assert "Calls on Fridays" not in page
    assert "Somebody else has replaced" in note(client, workspace, "Never calls", "n3", str(first.pk))
    second = StaffNote.objects.get(replaces=first)
    url = reverse("admin:foundation_staffnote_withdraw", args=[second.pk])
    page = client.post(url, {"key": "w", "reason": "wrong customer", "confirmed": "on"}, follow=True).content.decode()
    assert "Calls on Mondays" not in page
    second.refresh_from_db()
    assert (second.withdrawn_by, second.withdrawn_why) == ("dora@example.com", "wrong customer")
    listed = client.get(reverse("admin:foundation_staffnote_changelist")).content.decode()
    assert "Calls on Mondays" in listed
    actions = AuditEntry.objects.filter(workspace=workspace).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["staff_note.written", "staff_note.replaced", "staff_note.withdrawn"]


def test_notes_are_never_changed_or_deleted(client: Client, workspace: Workspace) -> None:
    note(client, workspace, "Calls on Fridays")
    for statement in ("UPDATE foundation_staffnote SET text = 'x'", "DELETE FROM foundation_staffnote"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_customers_never_see_notes(client: Client, workspace: Workspace, alice_client: Client) -> None:
    note(client, workspace, "Calls on Fridays")
    assert "Calls on Fridays" not in alice_client.get(workspace.get_absolute_url()).content.decode()
