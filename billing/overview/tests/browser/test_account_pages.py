"""Pages about people, keys and signing in, and the API reference: clean for axe, on both sizes and in both themes."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts.models import Invitation, User, Workspace
from accounts.scopes import KeyKind
from accounts.services.invitations import invitation_create, token_digest
from accounts.services.keys import api_key_create, api_key_revoke
from accounts.services.projects import project_archive, project_create
from billing.overview.tests.browser.conftest import Visit, Visiting
from billing.overview.tests.browser.test_states import wrong_with

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lived_in(workspace: Workspace, alice: User) -> Workspace:
    """With every kind of row its lists can show."""
    for name, expires in (("production", None), ("trial", timezone.now() + timedelta(days=1)), ("old", None)):
        key, _ = api_key_create(
            kind=KeyKind.WORKSPACE, workspace=workspace, name=name, scopes=["usage:read"], expires_at=expires
        )
    api_key_revoke(key=key, by=alice)
    project_create(workspace=workspace, name="Voice app", by=alice)
    project_archive(project=project_create(workspace=workspace, name="Old app", by=alice), by=alice)
    for address in ("dora@example.com", "late@example.com"):
        invitation_create(workspace=workspace, email=address, role="viewer", by=alice)
    Invitation.objects.filter(email="late@example.com").update(expires_at=timezone.now())
    Invitation.objects.filter(email="dora@example.com").update(token_digest=token_digest("known"))
    EmailAddress.objects.create(user=alice, email="second@example.com", verified=True)
    return workspace


def signed_in_pages(workspace: Workspace) -> list[tuple[str, str]]:
    """Address and a text of each."""
    home = f"/w/{workspace.public_id}"
    bob = workspace.memberships.get(user__email="bob@example.com").pk
    key = workspace.api_keys.get(name="production").pk
    return [
        (f"{home}/team", "late@example.com"),
        (f"{home}/team/{bob}/remove", "Bob Brown"),
        (f"{home}/leave", "Leave"),
        (f"{home}/keys", "Revoked"),
        (f"{home}/keys/new", "Create key"),
        (f"{home}/keys/{key}/revoke", "production"),
        (f"{home}/projects", "Archived"),
        (f"{home}/projects/voice-app/rename", "Voice app"),
        (f"{home}/settings", "Workspace"),
        ("/workspaces", "Northwind AI"),
        ("/workspaces/new", "Create"),
        ("/invitations/known", "Northwind AI"),
        ("/profile", "Name"),
        ("/accounts/password/change/", "password"),
        ("/accounts/2fa/", "Authenticator app"),
        ("/accounts/2fa/totp/activate/", "Authenticator code"),
        ("/accounts/2fa/webauthn/", "passkey"),
        ("/accounts/2fa/webauthn/add/", "Name it"),
        ("/accounts/sessions/", "This device"),
        ("/accounts/logout/", "Sign out"),
    ]


SIGNED_OUT = [
    ("/accounts/login/", "Sign in"),
    ("/accounts/signup/", "Create"),
    ("/accounts/password/reset/", "password"),
    ("/accounts/login/code/", "code"),
    ("/invitations/known", "Create an account and join"),
    ("/api/v1/docs", "API reference"),
]


def confirm_it_is_her(tab: Visit) -> None:
    page = tab.open("/accounts/reauthenticate/?next=/accounts/sessions/")
    page.get_by_label("Password").fill("correct horse 1")
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/sessions/")


def wrong_in_both_themes(tab: Visit, path: str, text: str, width: int) -> list[str]:
    tab.page.emulate_media(color_scheme="light")
    wrong = wrong_with(tab, path, text, width)
    tab.page.emulate_media(color_scheme="dark")
    return [*wrong, *(f"{path}, dark: {violation}" for violation in tab.violations(rules=["color-contrast"]))]


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_of_people_and_keys_are_clean(lived_in: Workspace, alice: User, visit: Visiting, width: int) -> None:
    tab = visit(width=width)
    wrong = wrong_in_both_themes(tab, "/accounts/reauthenticate/", "Confirm", width)
    confirm_it_is_her(tab)
    for path, text in signed_in_pages(lived_in):
        wrong += wrong_in_both_themes(tab, path, text, width)
    EmailAddress.objects.create(
        user=alice, email="unproven@example.com", verified=False
    )  # keeps her from a second step
    wrong += wrong_in_both_themes(tab, "/accounts/email/", "unproven@example.com", width)
    page = tab.open(f"/w/{lived_in.public_id}/keys/new")
    page.get_by_label("Name").fill("fresh")
    page.get_by_role("button", name="Create key").click()
    page.locator("#new-key").wait_for()
    wrong += tab.violations()
    assert wrong == []


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_before_signing_in_are_clean(lived_in: Workspace, visit: Visiting, width: int) -> None:
    tab = visit(width=width)
    tab.page.context.clear_cookies()
    wrong = []
    for path, text in SIGNED_OUT:
        wrong += wrong_in_both_themes(tab, path, text, width)
    assert wrong == []
