"""A person's data: whole as a file, and gone on request, while what money rests on stays."""

import csv
import io
import json
import threading
import zipfile
from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.errors import Refused
from accounts.models import ApiKey, Invitation, Membership, User, Workspace
from accounts.roles import Role
from accounts.services.invitations import invitation_create
from accounts.services.members import member_remove
from accounts.staff import StaffRole
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.audit.services import record
from billing.foundation.mail.models import MailWish
from billing.foundation.outbox.forgetting import texts_forget
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import send
from billing.ledger.services import credits_grant
from billing.ledger.verify import verify
from portal.persons.data import as_json, as_zip, person_data
from portal.persons.erase import hindrances, nameless, person_erase
from portal.testing.fixtures import client_of, person

pytestmark = pytest.mark.django_db
DATA, DOWNLOAD, ERASE = reverse("person-data"), reverse("person-data-download"), reverse("person-erase")


def signed_in_now(user: User, password: str) -> Client:
    """With a password given a moment ago, as those pages want it."""
    client = client_of(user)
    answer = client.post(reverse("account_reauthenticate"), {"password": password})
    assert answer.status_code == 302
    return client


@pytest.fixture
def lived(workspace: Workspace, bob: User, alice: User) -> User:
    """Bob, with a trace of every kind."""
    EmailAddress.objects.create(user=bob, email="robert@example.com", verified=True)
    Authenticator.objects.create(user=bob, type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})
    UserSession.objects.create(user=bob, session_key="k" * 32, ip="198.51.100.7", user_agent="Firefox")
    MailWish.objects.create(workspace=workspace, address="bob@example.com", category="usage", wanted=True)
    other = Workspace.objects.create(name="Contoso")
    Membership.objects.create(workspace=other, user=alice, role=Role.OWNER)
    invitation_create(workspace=other, email="robert@example.com", role="viewer", by=alice)
    send(to=["bob@example.com"], subject="Bob's news", text="=secret plan", kind="credits.granted")
    send(to=["bob@example.com", "alice@example.com"], subject="For both", text="Hello", kind="credits.granted")
    send(to=["bob@example.com"], subject="Code", text="482913", kind="account")
    record(action="alerts.changed", actor=bob, workspace=workspace, before={"low": 1}, after={"low": 2})
    record(action="member.role_changed", actor=alice, workspace=workspace, target="bob@example.com", reason="too loud")
    return bob


def test_what_is_others_is_not_in_it(lived: User) -> None:
    data = person_data(lived)
    (both,) = [row for row in data["mails"] if row["subject"] == "For both"]
    assert both["to"] == ["bob@example.com"]
    (done,) = [row for row in data["audit"] if row["action"] == "member.role_changed"]
    assert (done["who"], done["reason"], done["ip"], done["browser"]) == ("somebody else", "", None, "")
    assert "too loud" not in as_json(lived).decode()


def test_the_file_has_everything_and_nothing_that_opens_a_door(lived: User) -> None:
    data = person_data(lived)
    assert data["profile"][0]["name"] == "Bob Brown"
    assert {row["email"] for row in data["addresses"]} == {"bob@example.com", "robert@example.com"}
    assert data["second_factors"][0]["kind"] == "TOTP Authenticator"
    assert data["sessions"][0]["ip"] == "198.51.100.7"
    assert data["memberships"][0]["workspace_name"] == "Northwind AI"
    assert data["invitations"][0]["workspace_name"] == "Contoso"
    assert data["mail_choices"][0]["category"] == "usage"
    assert {"Bob's news", "For both", "Code"} <= {row["subject"] for row in data["mails"]}
    assert {"alerts.changed"} <= {row["action"] for row in data["audit"]}
    text = as_json(lived).decode()
    assert json.loads(text)["person"] == "bob@example.com"
    for secret in ("JBSWY3DPEHPK3PXP", "482913", lived.password, "k" * 32):
        assert secret not in text


def test_the_tables_open_safely_in_a_spreadsheet(lived: User) -> None:
    with zipfile.ZipFile(io.BytesIO(as_zip(lived))) as archive:
        mails = list(csv.DictReader(io.StringIO(archive.read("mails.csv").decode())))
        assert "everything.json" in archive.namelist()
        assert "api_keys_made.csv" not in archive.namelist()  # there are none
    assert "'=secret plan" in {row["text"] for row in mails}


def test_only_the_own_data_and_only_after_signing_in_again(lived: User, alice: User) -> None:
    assert Client().get(DATA).status_code == 302
    stale = client_of(lived)
    assert stale.get(DATA).status_code == 200
    answer = stale.post(DOWNLOAD, {"as": "json"})
    assert (answer.status_code, "reauthenticate" in answer["Location"]) == (302, True)
    assert not AuditEntry.objects.filter(action="account.data_exported").exists()
    client = signed_in_now(alice, "correct horse 1")
    assert client.get(DOWNLOAD).status_code == 405
    answer = client.post(DOWNLOAD, {"as": "json", "person": lived.pk})
    assert json.loads(answer.content)["person"] == "alice@example.com"
    assert (answer["Cache-Control"], answer["Content-Type"]) == ("no-store", "application/json")
    told = AuditEntry.objects.get(action="account.data_exported")
    assert (told.actor, told.target) == (alice, "alice@example.com")
    assert client.post(DOWNLOAD, {"as": "csv"})["Content-Type"] == "application/zip"


def test_a_person_erased_leaves_nothing_of_themselves(
    lived: User, alice: User, workspace: Workspace, workspace_key: Callable[..., tuple[ApiKey, str]]
) -> None:
    key, _ = workspace_key()
    ApiKey.objects.filter(pk=key.pk).update(created_by=lived)
    credits_grant(workspace_id=workspace.pk, key="a", amount=5 * NANO, label="Gift", actor=lived.email)
    kept = AuditEntry.objects.filter(actor=lived).count()
    person_erase(user=lived, by=lived)
    row = User.objects.get(pk=lived.pk)
    assert (row.email, row.name, row.is_active, row.has_usable_password()) == (nameless(lived), "", False, False)
    assert row.erased_at is not None
    for model in (Membership, Authenticator, EmailAddress, UserSession):
        assert not model.objects.filter(user=row).exists(), model
    assert not MailWish.objects.exists()
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.revoked_at is not None) == (nameless(lived), True)
    # What was only for them is gone; the others keep theirs.
    assert not OutboxMessage.objects.filter(subject__in=["Bob's news", "Code"]).exists()
    both = OutboxMessage.objects.get(subject="For both")
    assert (both.to, both.text) == (["alice@example.com", nameless(lived)], "Hello")
    # Books, keys and the audit stay.
    assert verify().ok
    key.refresh_from_db()
    assert key.revoked_at is None
    assert AuditEntry.objects.filter(actor=lived).count() == kept + 2  # left the workspace, erased
    told = AuditEntry.objects.get(action="account.erased")
    assert (told.target, told.actor) == (f"person {lived.pk}", row)
    last = OutboxMessage.objects.get(kind="account.erased")
    assert last.to == ["bob@example.com"]
    assert "cannot be undone" in last.text


def test_of_sent_mails_only_the_row_stays(lived: User) -> None:
    OutboxMessage.objects.filter(subject="Bob's news").update(status="sent", sent_at=clock.now())
    OutboxMessage.objects.exclude(subject="Bob's news").delete()
    person_erase(user=lived, by=lived)
    gone = OutboxMessage.objects.get(kind="credits.granted")
    assert gone.subject == "(deleted)"
    assert (gone.to, gone.text, gone.html) == ([nameless(lived)], "", "")


def test_the_last_mail_forgets_its_address_with_its_text(lived: User) -> None:
    person_erase(user=lived, by=lived)
    last = OutboxMessage.objects.filter(kind="account.erased")
    last.update(status="sent", sent_at=clock.now())
    texts_forget(now=clock.now() + timedelta(days=91), limit=100)
    assert last.get().to == []


def test_the_only_owner_stays_until_there_is_another(workspace: Workspace, alice: User, bob: User) -> None:
    client = signed_in_now(alice, "correct horse 1")
    page = client.get(ERASE).content.decode()
    assert "It is the only owner of “Northwind AI”" in page
    assert "<form" not in page.split("What happens")[1].split("</main>")[0]
    client.post(ERASE, {"address": alice.email, "understood": "on"})
    with pytest.raises(Refused, match="only owner"):
        person_erase(user=alice, by=alice)
    alice.refresh_from_db()
    assert alice.is_active
    Membership.objects.filter(user=bob).update(role=Role.OWNER)
    assert hindrances(alice) == []
    person_erase(user=alice, by=alice)
    assert list(workspace.memberships.values_list("user", flat=True)) == [bob.pk]


def test_staff_and_the_erased_are_refused(bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    with pytest.raises(Refused, match="operator's staff"):
        person_erase(user=bob, by=bob)
    User.objects.filter(pk=bob.pk).update(is_staff=False)
    person_erase(user=bob, by=bob)
    with pytest.raises(Refused, match="deleted already"):
        person_erase(user=bob, by=bob)


def test_on_the_page_the_address_is_typed_and_then_it_is_done(lived: User) -> None:
    client = client_of(lived)
    answer = client.get(ERASE)
    assert "reauthenticate" in answer["Location"]
    Authenticator.objects.all().delete()  # its code is not to be had here
    client = signed_in_now(lived, "correct horse 2")
    assert client.get(ERASE).status_code == 200
    for wrong in ({}, {"address": lived.email}, {"address": "alice@example.com", "understood": "on"}):
        assert client.post(ERASE, wrong).status_code == 422
    assert User.objects.get(pk=lived.pk).is_active
    answer = client.post(ERASE, {"address": "BOB@example.com", "understood": "on"})
    assert answer["Location"] == reverse("account_login")
    assert "Your account was deleted" in client.get(reverse("account_login")).content.decode()
    assert client.get(DATA).status_code == 302
    again = Client().post(reverse("account_login"), {"login": "bob@example.com", "password": "correct horse 2"})
    assert again.status_code == 200
    person("bob@example.com", "correct horse 9", "Somebody new")  # the address is free again


def test_staff_do_it_with_a_reason_by_their_role(lived: User) -> None:
    def hired(role: StaffRole) -> Client:
        user = person(f"{role.name.lower()}@example.com", "correct horse 5", role.value)
        User.objects.filter(pk=user.pk).update(is_staff=True)
        user.groups.add(Group.objects.get(name=role.value))
        return client_of(User.objects.get(pk=user.pk))

    base = reverse("admin:accounts_user_change", args=[lived.pk]).replace("/change/", "/")
    support, chief = hired(StaffRole.SUPPORT), hired(StaffRole.ADMIN)
    for path in ("data/", "erase/"):
        assert support.get(base + path).status_code == 403
        assert support.post(base + path, {"reason": "x"}).status_code == 403
        assert chief.get(base + path).status_code == 200
    answer = chief.post(base + "data/", {"key": "k", "kind": "json", "reason": "letter of 3 May"})
    assert json.loads(answer.content)["person"] == "bob@example.com"
    told = AuditEntry.objects.get(action="account.data_exported")
    assert (told.actor_label, told.reason) == ("admin@example.com", "letter of 3 May")
    wish = {"key": "k", "address": "alice@example.com", "reason": "letter", "confirmed": "on"}
    assert chief.post(base + "erase/", wish).status_code == 200
    assert User.objects.get(pk=lived.pk).is_active
    assert chief.post(base + "erase/", wish | {"address": lived.email}).status_code == 302
    assert User.objects.get(pk=lived.pk).erased_at is not None
    assert AuditEntry.objects.get(action="account.erased").reason == "letter"
    change = reverse("admin:accounts_user_change", args=[lived.pk])
    assert chief.post(change, {"name": "Back", "is_active": "on"}).status_code == 403
    assert "cannot be erased now" in chief.get(base + "erase/", follow=True).content.decode()


def test_staff_of_a_role_do_not_take_along_other_staff(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    user = person("chief@example.com", "correct horse 5", "Chief")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.groups.add(Group.objects.get(name=StaffRole.ADMIN.value))
    chief = client_of(User.objects.get(pk=user.pk))
    base = reverse("admin:accounts_user_change", args=[alice.pk]).replace("/change/", "/")
    assert chief.post(base + "data/", {"key": "k", "kind": "json", "reason": "x"}).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_leave_one(workspace: Workspace, alice: User, bob: User) -> None:
    Membership.objects.filter(user=bob).update(role=Role.OWNER)
    refused: list[str] = []

    def leave(act: Callable[[], None]) -> None:
        try:
            act()
        except Refused as error:
            refused.append(error.message)
        finally:
            connection.close()

    seat = Membership.objects.get(user=bob)
    acts = (lambda: person_erase(user=alice, by=alice), lambda: member_remove(membership=seat, by=bob))
    threads = [threading.Thread(target=leave, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert workspace.memberships.filter(role=Role.OWNER).count() == 1
