"""The list that leads an operator from an empty installation to the first customer."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User, Workspace
from accounts.scopes import KeyKind, Scope
from accounts.services.keys import api_key_create
from billing.credits.units import NANO
from billing.ledger.services import credits_grant
from portal.admin import firststeps
from portal.admin.firststeps import first_steps
from portal.testing.fixtures import client_of

pytestmark = pytest.mark.django_db


def done() -> dict[str, bool]:
    return {step.title: step.done for step in first_steps()}


def test_an_empty_installation(settings: Any) -> None:
    settings.EMAIL_URL, settings.STRIPE_SECRET_KEY = "", ""
    assert done() == {
        "Name and face value": False,
        "A plan to begin with": True,  # those that come with the portal
        "E-mail": False,
        "Stripe": False,
        "Stripe's webhooks": False,
        "A service key": False,
        "A first event": False,
        "Going live": False,
    }


def test_simulated_payments_are_no_stripe(settings: Any) -> None:
    settings.SIMULATED_PAYMENTS, settings.STRIPE_SECRET_KEY = True, "sk_test_" + "s" * 24
    assert not done()["Stripe"]


def test_what_is_done_is_ticked_one_by_one(settings: Any, workspace: Workspace) -> None:
    settings.EMAIL_URL = "smtp://mail.example.com:587?tls=1"
    settings.SIMULATED_PAYMENTS, settings.STRIPE_SECRET_KEY = False, "sk_test_" + "s" * 24
    api_key_create(kind=KeyKind.SERVICE, workspace=None, name="backend", scopes=[Scope.USAGE_WRITE])
    credits_grant(workspace_id=workspace.pk, key="k", amount=NANO, label="Gift")
    found = done()
    assert [found[name] for name in ("E-mail", "Stripe", "A service key", "Name and face value")] == [True] * 4
    assert not found["Stripe's webhooks"]


def test_nothing_is_shown_once_all_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [firststeps.Step("One", True, "x"), firststeps.Step("Two", True, "y")]
    monkeypatch.setattr(firststeps, "_steps", lambda: iter(steps))
    assert first_steps() == []


def test_only_superusers_see_them(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    client: Client = client_of(User.objects.get(pk=alice.pk))
    assert "First steps" not in client.get("/admin/").content.decode()
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    page = client.get("/admin/").content.decode()
    assert "First steps" in page
    assert "service_key_create" in page
