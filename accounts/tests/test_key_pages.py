import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Membership, User, Workspace
from accounts.roles import Role
from accounts.selectors.keys import api_key_authenticate
from accounts.services.keys import api_key_create
from accounts.services.projects import project_create
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods, refuses_role


@pytest.fixture
def key(workspace: Workspace) -> ApiKey:
    return api_key_create(kind="workspace", workspace=workspace, name="ci", scopes=["usage:read"])[0]


def test_a_new_key_is_shown_once_and_works(workspace: Workspace, alice_client: Client) -> None:
    url = page(workspace, "keys/new")
    response = alice_client.post(url, {"name": "prod", "scopes": ["usage:read", "billing:read"], "once": "a1"})
    assert response.status_code == 201
    assert "no-store" in response["Cache-Control"]
    shown = re.search(r'id="new-key">(pws_\w+)<', response.content.decode())
    assert shown
    key = api_key_authenticate(shown[1])
    assert key is not None
    assert (key.name, key.scopes, key.workspace) == ("prod", ["usage:read", "billing:read"], workspace)
    assert 'data-copy="new-key"' in response.content.decode()
    listed = alice_client.get(page(workspace, "keys")).content.decode()
    assert key.prefix in listed
    assert shown[1] not in listed


def test_sending_the_form_again_makes_no_second_key(workspace: Workspace, alice_client: Client) -> None:
    form = {"name": "prod", "scopes": ["usage:read"], "once": "a2"}
    alice_client.post(page(workspace, "keys/new"), form)
    response = alice_client.post(page(workspace, "keys/new"), form, follow=True)
    assert b"shown only once" in response.content
    assert ApiKey.objects.count() == 1


def test_project_limit_and_last_day(workspace: Workspace, alice: User, alice_client: Client) -> None:
    Workspace.objects.update(time_zone="America/New_York")
    project = project_create(workspace=workspace, name="Voice app", by=alice)
    day = (timezone.now() + timedelta(days=30)).date()
    form = {
        "name": "k",
        "scopes": ["usage:read"],
        "project": project.pk,
        "rate_limit": 60,
        "expires_on": day.isoformat(),
    }
    assert alice_client.post(page(workspace, "keys/new"), form).status_code == 201
    key = ApiKey.objects.get()
    assert (key.project, key.rate_limit) == (project, 60)
    assert key.expires_at is not None
    assert key.expires_at.astimezone(ZoneInfo("America/New_York")) == datetime(
        day.year, day.month, day.day, 23, 59, 59, 999999, tzinfo=ZoneInfo("America/New_York")
    )


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"scopes": ["usage:write"]}, "not one of the available choices"),
        ({"scopes": []}, "This field is required"),
        ({"rate_limit": "0"}, "greater than or equal to 1"),
        ({"expires_on": "2020-01-01"}, "expiry in the future"),
        ({"name": ""}, "This field is required"),
        ({"project": "999999"}, "This field is required|valid choice|201"),
    ],
)
def test_what_is_wrong_is_said_at_the_field(
    workspace: Workspace, alice: User, alice_client: Client, wrong: dict[str, object], why: str
) -> None:
    project_create(workspace=workspace, name="Voice app", by=alice)
    form = {"name": "k", "scopes": ["usage:read"], **wrong}
    response = alice_client.post(page(workspace, "keys/new"), form)
    assert response.status_code == 422
    assert re.search(why, response.content.decode())
    assert not ApiKey.objects.exists()


def test_usage_write_is_offered_only_where_the_operator_allows_it(workspace: Workspace, alice_client: Client) -> None:
    url = page(workspace, "keys/new")
    assert b"usage:write" not in alice_client.get(url).content
    Workspace.objects.update(usage_write_allowed=True)
    assert b"usage:write" in alice_client.get(url).content


def test_a_member_manages_keys_but_is_not_offered_buying(workspace: Workspace, bob: User, bob_client: Client) -> None:
    Membership.objects.filter(user=bob).update(role=Role.MEMBER)
    html = bob_client.get(page(workspace, "keys/new")).content
    assert b"billing:read" in html
    assert b"billing:write" not in html


def test_a_viewer_sees_the_list_without_controls(workspace: Workspace, key: ApiKey, bob_client: Client) -> None:
    html = bob_client.get(page(workspace, "keys")).content.decode()
    assert key.prefix in html
    assert "Create key" not in html
    assert "Revoke" not in html.replace("Revoked", "")


def test_an_empty_list_says_what_a_key_is_for(workspace: Workspace, alice_client: Client) -> None:
    assert b"No keys yet" in alice_client.get(page(workspace, "keys")).content


def test_revoking_asks_first_and_works_without_scripts(workspace: Workspace, key: ApiKey, alice_client: Client) -> None:
    url = page(workspace, f"keys/{key.pk}/revoke")
    assert b"Revoke ci?" in alice_client.get(url).content
    key.refresh_from_db()
    assert key.revoked_at is None
    assert alice_client.post(url)["Location"] == page(workspace, "keys")
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert b"Revoked" in alice_client.get(page(workspace, "keys")).content


def test_keys_of_another_workspace_are_out_of_reach(key: ApiKey, charlie: User, charlie_client: Client) -> None:
    other = Workspace.objects.create(name="Other")
    Membership.objects.create(workspace=other, user=charlie, role=Role.OWNER)
    assert charlie_client.post(page(other, f"keys/{key.pk}/revoke")).status_code == 404
    key.refresh_from_db()
    assert key.revoked_at is None


def test_list_quartet(workspace: Workspace, alice_client: Client, charlie_client: Client) -> None:
    url = page(workspace, "keys")
    refuses_other_methods(alice_client, url, "get")
    hides_from_strangers(charlie_client, url)
    asks_to_sign_in(url)


def test_the_page_of_a_key_and_the_live_numbers_quartet(
    workspace: Workspace, key: ApiKey, alice_client: Client, charlie_client: Client
) -> None:
    for path in (f"keys/{key.pk}", "keys/minutes"):
        url = page(workspace, path)
        refuses_other_methods(alice_client, url, "get")
        hides_from_strangers(charlie_client, url)
        asks_to_sign_in(url)


def test_saving_quartet(
    workspace: Workspace, key: ApiKey, alice_client: Client, bob_client: Client, charlie_client: Client
) -> None:
    url = page(workspace, f"keys/{key.pk}/update")
    refuses_other_methods(alice_client, url, "post")
    hides_from_strangers(charlie_client, url, "post")
    asks_to_sign_in(url, "post")
    refuses_role(bob_client, url, "post")
    key.refresh_from_db()
    assert key.name == "ci"


@pytest.mark.parametrize("path", ["keys/new", "keys/{pk}/revoke", "keys/{pk}/rotate"])
def test_quartet(
    path: str,
    key: ApiKey,
    workspace: Workspace,
    alice_client: Client,
    bob_client: Client,
    charlie_client: Client,
) -> None:
    url = page(workspace, path.format(pk=key.pk))
    refuses_other_methods(alice_client, url, "get", "post")
    for method in ("get", "post"):
        hides_from_strangers(charlie_client, url, method)
        asks_to_sign_in(url, method)
        refuses_role(bob_client, url, method)
    key.refresh_from_db()
    assert key.revoked_at is None
