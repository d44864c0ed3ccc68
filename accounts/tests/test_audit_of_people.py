"""What people change about how they sign in is told to the audit."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.foundation.audit.models import AuditEntry

pytestmark = pytest.mark.django_db


def told(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


def test_another_password_and_name(alice_client: Client, alice: User) -> None:
    passwords = {"oldpassword": "correct horse 1", "password1": "battery staple 7", "password2": "battery staple 7"}
    assert alice_client.post(reverse("account_change_password"), passwords).status_code == 302
    entry = told("account.password_changed")
    assert (entry.actor, entry.target, entry.before, entry.after) == (alice, "alice@example.com", None, None)
    alice_client.post(reverse("accounts:profile"), {"name": "Alice"})
    entry = told("account.renamed")
    assert (entry.before, entry.after) == ({"name": "Alice Adams"}, {"name": "Alice"})
    assert entry.ip == "127.0.0.1"
    alice_client.post(reverse("accounts:profile"), {"name": "Alice"})
    assert AuditEntry.objects.filter(action="account.renamed").count() == 1


def test_another_address_is_told(alice_client: Client, alice: User) -> None:
    EmailAddress.objects.create(user=alice, email="second@example.com", verified=True)
    alice_client.post(reverse("account_reauthenticate"), {"password": "correct horse 1"})
    alice_client.post(reverse("account_email"), {"email": "second@example.com", "action_primary": ""})
    entry = told("account.address_changed")
    assert entry.before == {"address": "alice@example.com"}
    assert entry.after == {"address": "second@example.com"}
    alice_client.post(reverse("account_email"), {"email": "alice@example.com", "action_remove": ""})
    assert told("account.address_removed").after == {"address": "alice@example.com"}


def test_a_factor_taken_off_is_told_without_its_secret(alice_client: Client, alice: User) -> None:
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    signed = alice_client.post(reverse("account_reauthenticate"), {"password": "correct horse 1"})
    assert signed.status_code == 302
    assert alice_client.post(reverse("mfa_deactivate_totp")).status_code == 302
    entry = told("account.factor_removed")
    assert entry.after == {"factor": "TOTP Authenticator"}


def test_a_device_signed_out_is_told(alice_client: Client, alice: User) -> None:
    session = UserSession.objects.create(user=alice, session_key="k" * 32, ip="198.51.100.7", user_agent="Firefox")
    alice_client.post(reverse("accounts:session-end", args=[session.pk]))
    assert told("account.session_ended").before == {"device": "Firefox", "from": "198.51.100.7"}


def test_all_other_devices_signed_out_are_told(alice_client: Client, alice: User) -> None:
    alice_client.get(reverse("usersessions_list"))
    for name, ip in (("Firefox", "198.51.100.7"), ("Safari", "198.51.100.8")):
        key = f"{name:k<32}"
        UserSession.objects.create(user=alice, session_key=key, ip=ip, user_agent=name)
    assert alice_client.post(reverse("usersessions_list")).status_code == 302
    entries = AuditEntry.objects.filter(action="account.session_ended").order_by("pk")
    assert [(entry.actor, entry.target) for entry in entries] == [(alice, "alice@example.com")] * 2
    assert {(entry.before["device"], entry.before["from"]) for entry in entries} == {
        ("Firefox", "198.51.100.7"),
        ("Safari", "198.51.100.8"),
    }
    assert {entry.ip for entry in entries} == {"127.0.0.1"}
    assert not UserSession.objects.filter(user_agent__in=["Firefox", "Safari"]).exists()
    assert alice_client.get(reverse("accounts:profile")).status_code == 200  # this one goes on
