"""What the session that a portal link began reaches, and what it does not."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from accounts.models import Membership, PortalLink, User, Workspace
from accounts.roles import Role
from accounts.tests.quartet import page, refuses_other_methods
from accounts.tests.test_portal_links import ServiceKey, link_for

CLOSED = b"Closed to this visit"


@pytest.fixture
def visitor(workspace: Workspace, service_key: ServiceKey) -> Client:
    """Alice, brought here by a link."""
    client = Client()
    assert client.post(link_for(workspace, service_key)[1]).status_code == 302
    return client


@pytest.fixture
def other(alice: User, workspace: Workspace) -> Workspace:
    other = Workspace.objects.create(name="Second Venture")
    Membership.objects.create(workspace=other, user=alice, role=Role.OWNER)
    return other


def test_looking_does_not_use_the_link_up_and_one_press_does(workspace: Workspace, service_key: ServiceKey) -> None:
    link, url = link_for(workspace, service_key, path="/keys")
    client = Client()
    for method in ("get", "head", "get"):
        response = getattr(client, method)(url)
        assert response.status_code == 200
        assert "no-store" in response["Cache-Control"]
    html = client.get(url).content.decode()
    assert "Open Northwind AI" in html
    assert "alice@example.com" in html
    assert "<script" not in html.partition("<main")[2].partition("</main>")[0]
    assert "_auth_user_id" not in client.session
    response = client.post(url)
    assert (response.status_code, response["Location"]) == (302, page(workspace, "keys"))
    assert client.get(response["Location"]).status_code == 200
    link.refresh_from_db()
    assert link.used_at is not None


def test_the_second_press_finds_a_used_link(workspace: Workspace, service_key: ServiceKey) -> None:
    _, url = link_for(workspace, service_key)
    assert Client().post(url).status_code == 302
    late = Client()
    for method in ("get", "post"):
        response = getattr(late, method)(url)
        assert response.status_code == 410
        assert b"This link was used" in response.content
    assert "_auth_user_id" not in late.session


def test_after_a_minute_the_link_is_over(workspace: Workspace, service_key: ServiceKey) -> None:
    _, url = link_for(workspace, service_key)
    past = timezone.now() - timedelta(seconds=61)
    PortalLink.objects.update(created_at=past, expires_at=past + timedelta(minutes=1))
    client = Client()
    for method in ("get", "post"):
        response = getattr(client, method)(url)
        assert response.status_code == 410
        assert b"good for one minute" in response.content
    assert "_auth_user_id" not in client.session
    assert Client().get("/portal/nothing").status_code == 404


def test_the_press_needs_the_pages_own_form(workspace: Workspace, service_key: ServiceKey) -> None:
    link, url = link_for(workspace, service_key)
    assert Client(enforce_csrf_checks=True).post(url).status_code == 403
    link.refresh_from_db()
    assert link.used_at is None
    refuses_other_methods(Client(), url, "get", "post")


def test_the_workspace_is_open_by_the_persons_role(visitor: Client, workspace: Workspace) -> None:
    for path in ("", "usage", "credits", "keys", "keys/new", "projects", "team", "settings", "live"):
        assert visitor.get(page(workspace, path)).status_code in (200, 204), path
    assert visitor.get("/")["Location"] == f"/w/{workspace.public_id}/"
    assert visitor.get("/api/v1/docs").status_code == 200
    assert visitor.post("/theme", {"theme": "dark"}).status_code == 302


def test_a_viewer_stays_a_viewer(workspace: Workspace, service_key: ServiceKey) -> None:
    client = Client()
    client.post(link_for(workspace, service_key, email="bob@example.com")[1])
    assert client.get(page(workspace, "keys")).status_code == 200
    assert client.get(page(workspace, "keys/new")).status_code == 403


def test_other_workspaces_of_the_person_are_closed_and_not_named(
    visitor: Client, workspace: Workspace, other: Workspace
) -> None:
    for method in ("get", "post"):
        response = getattr(visitor, method)(page(other, "keys"))
        assert response.status_code == 403
        assert CLOSED in response.content
        assert b"Second Venture" not in response.content
    assert visitor.post("/workspaces/switch", {"workspace": other.public_id}).status_code == 403
    html = visitor.get(page(workspace, "team")).content
    assert b"Second Venture" not in html
    assert b"New workspace" not in html
    assert b"Two-step sign-in" not in html
    assert b"Sign out" in html


ACCOUNT = [
    *("/profile", "/workspaces", "/workspaces/new", "/accounts/email/", "/accounts/password/change/"),
    *("/accounts/password/set/", "/accounts/2fa/", "/accounts/2fa/totp/activate/", "/accounts/2fa/webauthn/add/"),
    *("/accounts/2fa/recovery-codes/generate/", "/accounts/sessions/", "/accounts/reauthenticate/", "/accounts/login/"),
    *("/accounts/signup/", "/accounts/password/reset/", "/admin/", "/admin/accounts/user/", "/outbox/"),
]


@pytest.mark.parametrize("path", ACCOUNT)
def test_the_account_is_closed_and_the_page_says_why(visitor: Client, path: str) -> None:
    for method in ("get", "post"):
        response = getattr(visitor, method)(path)
        assert response.status_code == 403
        assert CLOSED in response.content
        assert b"sign in yourself" in response.content


def addresses(resolver: Any, before: str = "/") -> Iterator[tuple[str, str]]:
    """Every address of the site that takes no argument, and its name."""
    for pattern in resolver.url_patterns:
        here = before + str(pattern.pattern).lstrip("^").rstrip("$").replace("\\Z", "")
        if "<" in here or "(" in here or "\\" in here:
            continue
        if hasattr(pattern, "url_patterns"):
            yield from addresses(pattern, here)
        else:
            yield here, str(pattern.name)


def test_every_page_of_the_site_that_is_no_workspaces_is_closed(visitor: Client) -> None:
    site = dict(addresses(get_resolver()))
    assert len(site) > 60
    api = {path for path in site if path.startswith(("/api/", "/v1/"))}
    answers = {path: visitor.get(path) for path in set(site) - api}
    still_open = {site[path] for path, answer in answers.items() if CLOSED not in b"".join(answer)}
    # Leads to the workspace; chooses colours; ends the visit; a picture; what everybody may read, session or not.
    prices = {"models", "models-csv", "compare", "estimate-public"}
    assert still_open == {"home", "theme", "account_logout", "favicon", *prices}
    assert {path for path in set(site) - api if site[path] in prices} == {
        *("/pricing", "/pricing/models.csv", "/pricing/compare", "/estimate"),
    }


def test_the_visit_ends_after_eight_hours_whatever_is_done_in_it(visitor: Client, workspace: Workspace) -> None:
    ends = visitor.session.get_expiry_date()
    assert timedelta(hours=7, minutes=59) < ends - timezone.now() <= timedelta(hours=8)
    visitor.get(page(workspace, "team"))
    assert visitor.session.get_expiry_date() == ends
    session = visitor.session
    session.set_expiry(timezone.now() - timedelta(seconds=1))
    session.save()
    assert visitor.get(page(workspace, "team"))["Location"].startswith("/accounts/login/")


def test_the_person_sees_the_visit_among_the_sessions_and_may_end_it(
    visitor: Client, workspace: Workspace, alice: User, alice_client: Client
) -> None:
    visitor.get(page(workspace, "team"))
    visit = UserSession.objects.get(user=alice, session_key=visitor.session.session_key)
    assert alice_client.post(f"/sessions/{visit.pk}/end").status_code == 302
    assert visitor.get(page(workspace, "team"))["Location"].startswith("/accounts/login/")


def test_signing_out_ends_the_visit(visitor: Client, workspace: Workspace) -> None:
    visitor.post("/accounts/logout/")
    assert visitor.get("/accounts/login/").status_code == 200
    assert visitor.get(page(workspace, "team")).status_code == 302


def test_who_has_signed_in_oneself_keeps_all_that_reaches(
    workspace: Workspace, other: Workspace, alice_client: Client, service_key: ServiceKey
) -> None:
    assert alice_client.post(link_for(workspace, service_key)[1])["Location"] == page(workspace, "")
    assert alice_client.get(page(other, "keys")).status_code == 200
    assert alice_client.get("/profile").status_code == 200


def test_somebody_elses_session_ends_and_the_page_says_so_before(
    workspace: Workspace, charlie: User, charlie_client: Client, service_key: ServiceKey
) -> None:
    key = charlie_client.session.session_key
    _, url = link_for(workspace, service_key)
    assert b"charlie@example.com is signed in here" in charlie_client.get(url).content
    assert charlie_client.post(url).status_code == 302
    assert charlie_client.session.session_key != key
    assert b"alice@example.com" in charlie_client.get(page(workspace, "team")).content
    assert charlie_client.get("/profile").status_code == 403


def test_a_second_link_moves_the_visit(
    visitor: Client, workspace: Workspace, other: Workspace, service_key: ServiceKey
) -> None:
    assert visitor.post(link_for(other, service_key)[1])["Location"] == page(other, "")
    assert visitor.get(page(other, "team")).status_code == 200
    assert visitor.get(page(workspace, "team")).status_code == 403


def test_a_visit_ends_when_its_person_joins_the_operator_or_the_account_is_closed(
    visitor: Client, workspace: Workspace, alice: User, service_key: ServiceKey
) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    assert visitor.get(page(workspace, "team"))["Location"] == "/accounts/login/"
    assert visitor.get("/admin/").status_code == 302
    assert "_auth_user_id" not in visitor.session
    User.objects.filter(pk=alice.pk).update(is_staff=False)
    visitor.post(link_for(workspace, service_key)[1])
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert visitor.get(page(workspace, "team"))["Location"].startswith("/accounts/login/")
    assert visitor.get("/accounts/login/").status_code == 200


def test_a_person_taken_off_the_team_sees_nothing_more(visitor: Client, workspace: Workspace, alice: User) -> None:
    Membership.objects.filter(user=alice).delete()
    assert visitor.get(page(workspace, "team")).status_code == 404
