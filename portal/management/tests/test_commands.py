"""The operator's commands: what they make, what they print, what they refuse in one clear line."""

import json
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import ApiKey, User, Workspace
from accounts.scopes import WORKSPACE_SCOPES, Scope
from accounts.selectors.keys import api_key_authenticate
from billing.credits.units import credits
from billing.foundation.audit.models import AuditEntry
from billing.foundation.outbox.models import OutboxMessage
from billing.ledger.selectors import balance
from billing.plans.limits import limits_for

pytestmark = pytest.mark.django_db


def run(command: str, *args: str) -> Any:
    out = StringIO()
    call_command(command, *args, "--json", stdout=out)
    return json.loads(out.getvalue())


def create(*args: str) -> Any:
    return run("workspace_create", "--name", "Acme", "--owner-email", "ann@example.com", *args)


def test_workspace_with_owner_plan_credits_and_key() -> None:
    made = create("--plan", "pro", "--credits", "1234.5", "--external-id", "crm-7")
    workspace = Workspace.objects.get(public_id=made["workspace"])
    assert (workspace.name, workspace.external_id, workspace.usage_write_allowed) == ("Acme", "crm-7", True)
    assert made["plan"] == limits_for(workspace.pk).plan_key == "pro"
    assert credits(balance(workspace.pk).available) == Decimal("1234.5")
    key = api_key_authenticate(made["api_key"])
    assert key is not None
    assert key.workspace == workspace
    assert set(key.scopes) == set(WORKSPACE_SCOPES)
    assert workspace.memberships.get().role == "owner"
    assert AuditEntry.objects.filter(action="workspace.created", workspace=workspace).exists()


def test_new_owner_gets_an_account_and_a_link_that_sets_the_password() -> None:
    made = create()
    owner = User.objects.get(email="ann@example.com")
    assert made["owner_invited"] is True
    assert not owner.has_usable_password()
    assert not EmailAddress.objects.get(user=owner).verified
    message = OutboxMessage.objects.get(to=["ann@example.com"])
    link = next(word for word in message.text.split() if "/password/reset/key/" in word)
    page = Client().get(link.partition("8000")[2] or link, follow=True)
    assert page.status_code == 200
    assert "password1" in page.content.decode()


def test_owner_with_an_account_keeps_it(alice: User) -> None:
    made = run("workspace_create", "--name", "Acme", "--owner-email", "ALICE@example.com")
    assert (made["owner_email"], made["owner_invited"]) == ("alice@example.com", False)
    assert not OutboxMessage.objects.exists()
    assert alice.memberships.get().workspace.public_id == made["workspace"]


def test_same_external_id_is_refused_and_makes_nothing() -> None:
    made = create("--external-id", "crm-7")
    with pytest.raises(CommandError, match=f"'crm-7' belongs to workspace {made['workspace']}"):
        create("--external-id", "crm-7")
    assert Workspace.objects.count() == 1
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--plan", "platinum"), "no published plan 'platinum'"),
        (("--credits", "many"), "not a number of credits"),
        (("--credits", "-5"), "not a number of credits"),
        (("--credits", "NaN"), "not a number of credits"),
        (("--credits", "0.0000000001"), "more than 9 decimals"),
        (("--credits", "99999999999"), "do not fit"),
        (("--owner-email", "ann"), "not an e-mail address"),
        (("--name", "  "), "name"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(args: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        create(*args)
    assert not Workspace.objects.exists()
    assert not User.objects.exists()
    assert not OutboxMessage.objects.exists()


def test_text_output_shows_the_key_once() -> None:
    out = StringIO()
    call_command("workspace_create", "--name", "Acme", "--owner-email", "ann@example.com", stdout=out)
    key = ApiKey.objects.get()
    assert key.prefix in out.getvalue()
    assert "shown only now" in out.getvalue()


def test_service_key_with_every_scope() -> None:
    made = run("service_key_create", "--name", "backend")
    key = api_key_authenticate(made["api_key"])
    assert key is not None
    assert (key.kind, key.workspace, key.name) == ("service", None, "backend")
    assert set(made["scopes"]) == set(Scope)


def test_service_key_with_chosen_scopes_and_rate() -> None:
    made = run("service_key_create", "--name", "reader", "--scopes", "usage:read, billing:read", "--rate-limit", "60")
    key = ApiKey.objects.get(prefix=made["prefix"])
    assert sorted(key.scopes) == ["billing:read", "usage:read"]
    assert key.rate_limit == 60


def test_service_key_that_makes_customers() -> None:
    made = run("service_key_create", "--name", "crm", "--scopes", "workspaces:read,workspaces:write")
    assert ApiKey.objects.get(prefix=made["prefix"]).scopes == ["workspaces:read", "workspaces:write"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--scopes", "usage:read,everything"), "Unknown scopes: everything"),
        (("--rate-limit", "0"), "rate limit"),
    ],
)
def test_odd_service_keys_are_refused(args: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run("service_key_create", "--name", "x", *args)
    assert not ApiKey.objects.exists()
