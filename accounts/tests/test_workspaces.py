import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import hooks
from accounts.errors import Refused
from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from accounts.services.workspaces import workspace_create, workspace_update
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods, refuses_role


def test_creating_makes_the_owner_and_tells_the_packages_above(alice: User) -> None:
    told: list[Workspace] = []
    hooks.workspace_created.append(told.append)
    try:
        workspace = workspace_create(
            name="  Acme   Voice ", owner=alice, external_id="cus_1", time_zone="Europe/Berlin"
        )
    finally:
        hooks.workspace_created.remove(told.append)
    assert (workspace.name, workspace.time_zone, workspace.external_id) == ("Acme Voice", "Europe/Berlin", "cus_1")
    assert told == [workspace]
    assert workspace.memberships.get().role == Role.OWNER


def test_a_subscriber_that_fails_undoes_the_creation(alice: User) -> None:
    def fails(workspace: Workspace) -> None:
        raise RuntimeError("no plan")

    hooks.workspace_created.append(fails)
    try:
        with pytest.raises(RuntimeError):
            workspace_create(name="Acme", owner=alice)
    finally:
        hooks.workspace_created.remove(fails)
    assert not Workspace.objects.exists()


def test_wrong_names_zones_and_taken_ids_are_refused(alice: User) -> None:
    workspace_create(name="Acme", owner=alice, external_id="cus_1")
    for wrong in ({"name": " "}, {"name": "a\x00b"}, {"time_zone": "Mars/Base"}, {"external_id": "cus_1"}):
        with pytest.raises(Refused):
            workspace_create(**{"name": "Other", "owner": alice, **wrong})  # type: ignore[arg-type]
    assert Workspace.objects.count() == 1


def test_the_form_creates_once_however_often_it_is_sent(alice: User, alice_client: Client) -> None:
    html = alice_client.get("/workspaces/new").content.decode()
    once = re.search(r'name="once" value="([^"]+)"', html)
    assert once
    form = {"name": "Acme", "time_zone": "UTC", "once": once[1]}
    first = alice_client.post("/workspaces/new", form)
    workspace = Workspace.objects.get()
    assert first["Location"] == f"/w/{workspace.public_id}/"
    assert alice_client.post("/workspaces/new", form)["Location"] == "/"
    assert Workspace.objects.count() == 1


def test_a_refused_form_can_be_corrected_and_sent_again(alice_client: Client) -> None:
    form = {"name": "\x00", "time_zone": "UTC", "once": "n1"}
    assert alice_client.post("/workspaces/new", form).status_code == 422
    assert alice_client.post("/workspaces/new", {**form, "name": "Acme"}).status_code == 302


def test_creating_needs_a_person(db: None) -> None:
    asks_to_sign_in("/workspaces/new")
    asks_to_sign_in("/workspaces")
    asks_to_sign_in("/")
    asks_to_sign_in("/profile")


def test_pages_outside_a_workspace_reject_other_methods(alice_client: Client) -> None:
    refuses_other_methods(alice_client, "/", "get")
    refuses_other_methods(alice_client, "/workspaces", "get")
    refuses_other_methods(alice_client, "/workspaces/new", "get", "post")
    refuses_other_methods(alice_client, "/workspaces/switch", "post")
    refuses_other_methods(alice_client, "/profile", "get", "post")
    refuses_other_methods(alice_client, "/theme", "post")


def test_home_goes_to_the_workspace_seen_last(workspace: Workspace, alice: User, alice_client: Client) -> None:
    other = workspace_create(name="Other", owner=alice)
    alice_client.get(page(other, "team"))
    assert alice_client.get("/")["Location"] == f"/w/{other.public_id}/"
    alice_client.get(page(workspace, "team"))
    assert alice_client.get("/")["Location"] == f"/w/{workspace.public_id}/"
    alice_client.get(page(other, "team"))
    assert alice_client.get("/")["Location"] == f"/w/{other.public_id}/"
    again = Client()
    again.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert again.get("/")["Location"] == f"/w/{other.public_id}/"


def test_a_polled_page_notes_being_seen_once_in_a_while(
    workspace: Workspace, alice: User, alice_client: Client
) -> None:
    alice_client.get(page(workspace, "team"))
    first = Membership.objects.get(user=alice).last_seen_at
    alice_client.get(page(workspace, "team"))
    assert Membership.objects.get(user=alice).last_seen_at == first
    Membership.objects.filter(user=alice).update(last_seen_at=timezone.now() - timedelta(minutes=6))
    alice_client.get(page(workspace, "team"))
    assert Membership.objects.get(user=alice).last_seen_at > first


def test_switching_by_form(workspace: Workspace, alice_client: Client, charlie_client: Client) -> None:
    body = {"workspace": workspace.public_id}
    assert alice_client.post("/workspaces/switch", body)["Location"] == f"/w/{workspace.public_id}/"
    assert charlie_client.post("/workspaces/switch", body).status_code == 404
    asks_to_sign_in("/workspaces/switch", "post")


def test_the_list_has_all_of_ones_workspaces_or_says_there_are_none(
    workspace: Workspace, alice_client: Client, charlie_client: Client
) -> None:
    assert b"Northwind AI" in alice_client.get("/workspaces").content
    html = charlie_client.get("/workspaces").content
    assert b"You are in no workspace" in html
    assert b"Northwind AI" not in html


def test_settings_rename_and_set_the_zone(workspace: Workspace, alice_client: Client) -> None:
    url = page(workspace, "settings")
    assert b"Northwind AI" in alice_client.get(url).content
    assert alice_client.post(url, {"name": "Northwind", "time_zone": "Asia/Tokyo"}).status_code == 302
    workspace.refresh_from_db()
    assert (workspace.name, workspace.time_zone) == ("Northwind", "Asia/Tokyo")
    assert alice_client.post(url, {"name": "", "time_zone": "UTC"}).status_code == 422
    assert alice_client.post(url, {"name": "X", "time_zone": "Mars/Base"}).status_code == 422


def test_settings_quartet(
    workspace: Workspace, alice_client: Client, bob_client: Client, charlie_client: Client
) -> None:
    url = page(workspace, "settings")
    refuses_other_methods(alice_client, url, "get", "post")
    for method in ("get", "post"):
        hides_from_strangers(charlie_client, url, method)
        asks_to_sign_in(url, method)
        refuses_role(bob_client, url, method)


def test_saving_what_is_already_so_tells_the_audit_nothing(workspace: Workspace, alice: User) -> None:
    heard: list[str] = []
    listener = lambda **told: heard.append(told["action"])  # noqa: E731
    hooks.audited.append(listener)
    try:
        workspace_update(workspace=workspace, name=workspace.name, time_zone="UTC", by=alice)
        workspace_update(workspace=workspace, name="New name", time_zone="UTC", by=alice)
    finally:
        hooks.audited.remove(listener)
    assert heard == ["workspace.renamed"]


def test_an_htmx_request_without_a_session_moves_the_whole_page_to_the_login(workspace: Workspace) -> None:
    here = page(workspace, "team")
    headers = {"hx-request": "true", "hx-current-url": f"http://testserver{here}"}
    response = Client().get(here, headers=headers)
    assert response.status_code == 200
    assert response["HX-Redirect"] == f"/accounts/login/?next={here}"


def test_the_theme_is_a_cookie_and_leads_back_only_to_this_site(db: None, client: Client) -> None:
    response = client.post("/theme", {"theme": "dark", "next": "/accounts/login/?x=1"})
    assert response["Location"] == "/accounts/login/?x=1"
    assert response.cookies["theme"].value == "dark"
    assert b'data-theme="dark"' in client.get("/accounts/login/").content
    away = client.post("/theme", {"theme": "light", "next": "https://evil.example/"})
    assert away["Location"] == "/"
    back = client.post("/theme", {"theme": ""}, headers={"referer": "http://testserver/accounts/signup/"})
    assert back["Location"] == "http://testserver/accounts/signup/"
    assert b"data-theme" not in client.get("/accounts/login/").content
    client.cookies["theme"] = '"><script>'
    assert b"data-theme" not in client.get("/accounts/login/").content


def test_the_profile_keeps_the_name(alice: User, alice_client: Client) -> None:
    assert b"Alice Adams" in alice_client.get("/profile").content
    assert alice_client.post("/profile", {"name": "Alice A."}).status_code == 302
    alice.refresh_from_db()
    assert alice.name == "Alice A."
    assert alice_client.post("/profile", {"name": "x" * 121}).status_code == 422
