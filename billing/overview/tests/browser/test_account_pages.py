"""Pages about people, keys and signing in, and the API reference: clean for axe, on both sizes and in both themes."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts.models import Invitation, User, Workspace
from accounts.scopes import KeyKind
from accounts.services.invitations import invitation_create, token_digest
from accounts.services.key_changes import api_key_rotate
from accounts.services.keys import api_key_create, api_key_revoke
from accounts.services.portal_links import portal_link_create
from accounts.services.projects import project_archive, project_create
from billing.overview.tests.browser.conftest import Visit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lived_in(workspace: Workspace, alice: User) -> Workspace:
    """With every kind of row its lists can show."""
    for name, expires in (("production", None), ("trial", timezone.now() + timedelta(days=1)), ("old", None)):
        key, _ = api_key_create(
            kind=KeyKind.WORKSPACE, workspace=workspace, name=name, scopes=["usage:read"], expires_at=expires
        )
    api_key_revoke(key=key, by=alice)
    rotated, _ = api_key_create(
        kind=KeyKind.WORKSPACE, workspace=workspace, name="backend", scopes=["usage:read"], rate_limit=60
    )
    api_key_rotate(key=rotated, grace=timedelta(hours=24), expires_at=None, by=alice)
    Workspace.objects.filter(pk=workspace.pk).update(rate_limit=600)
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
    key, ended = (workspace.api_keys.get(name=name).pk for name in ("production", "old"))
    replaced = workspace.api_keys.get(replaced_by__isnull=False).pk
    return [
        (f"{home}/team", "late@example.com"),
        (f"{home}/team/{bob}/remove", "Bob Brown"),
        (f"{home}/leave", "Leave"),
        (f"{home}/keys", "Revoked"),
        (f"{home}/keys/new", "Create key"),
        (f"{home}/keys/{key}", "Requests this minute"),
        (f"{home}/keys/{replaced}", "Being replaced"),
        (f"{home}/keys/{ended}", "Revoked"),
        (f"{home}/keys/{key}/rotate", "How long the old key goes on working"),
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
]


def confirm_it_is_her(tab: Visit) -> None:
    page = tab.open("/accounts/reauthenticate/?next=/accounts/sessions/")
    page.get_by_label("Password").fill("correct horse 1")
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/sessions/")


def test_pages_of_people_and_keys_are_clean(lived_in: Workspace, alice: User, tab: Visit) -> None:
    wrong = tab.wrong_at("/accounts/reauthenticate/", "Confirm")
    confirm_it_is_her(tab)
    for path, text in signed_in_pages(lived_in):
        wrong += tab.wrong_at(path, text)
    # It keeps her from a second step.
    EmailAddress.objects.create(user=alice, email="unproven@example.com", verified=False)
    wrong += tab.wrong_at("/accounts/email/", "unproven@example.com")
    page = tab.open(f"/w/{lived_in.public_id}/keys/new")
    page.get_by_label("Name").fill("fresh")
    page.get_by_role("button", name="Create key").click()
    page.locator("#new-key").wait_for()
    wrong += tab.violations()
    page = tab.open(f"/w/{lived_in.public_id}/keys/{lived_in.api_keys.get(name='fresh').pk}/rotate")
    page.get_by_role("button", name="Rotate key").click()
    page.get_by_text("and then ends by itself").wait_for()
    wrong += tab.violations()
    assert wrong == []


def test_the_way_in_by_a_portal_link_is_clean(lived_in: Workspace, tab: Visit) -> None:
    key, _ = api_key_create(kind=KeyKind.SERVICE, workspace=None, name="crm", scopes=["workspaces:write"])
    _, url = portal_link_create(workspace=lived_in, made_by=key)
    path = url.removeprefix("http://localhost:8000")
    tab.page.context.clear_cookies()
    wrong = tab.wrong_at(path, "for this workspace only")
    tab.page.get_by_role("button", name="Continue").click()
    tab.page.wait_for_url(f"**/w/{lived_in.public_id}/")
    for later, text in (("", "Overview"), ("keys", "Revoked")):
        wrong += tab.wrong_at(f"/w/{lived_in.public_id}/{later}", text)
    wrong += tab.wrong_at("/profile", "Closed to this visit")
    assert "status of 403" in tab.problems.pop()
    tab.page.get_by_role("link", name="Back to Northwind AI").click()
    tab.page.wait_for_url(f"**/w/{lived_in.public_id}/")
    wrong += tab.wrong_at(path, "This link was used")
    assert "status of 410" in tab.problems.pop()
    assert wrong == []


def test_pages_before_signing_in_are_clean(lived_in: Workspace, tab: Visit) -> None:
    tab.page.context.clear_cookies()
    wrong = []
    for path, text in SIGNED_OUT:
        wrong += tab.wrong_at(path, text)
    tab.open("/api/v1/docs")  # long, and each operation in it is like the first
    for part in ("nav", "header", "section.operation:nth-of-type(-n+3)", "section.operation:last-of-type"):
        wrong += tab.violations(part)
    assert wrong == []
