"""The way from the operator's backend into the portal, end to end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from accounts.models import Membership, PortalLink, User, Workspace
from accounts.roles import Role
from billing.api.tests.conftest import Answer, Api, key_of
from billing.foundation.audit.models import AuditEntry

URL = "/api/v1/workspaces/crm-17/portal-session"


@pytest.fixture
def operator(workspace: Workspace) -> Api:
    Workspace.objects.update(external_id="crm-17")
    return Api(key_of(None))


def path_of(answer: Answer) -> str:
    url: str = answer.json["url"]
    assert url.startswith("http://localhost:8000/portal/")
    return url.removeprefix("http://localhost:8000")


def test_the_link_opens_that_workspace_once_for_a_minute(operator: Api, workspace: Workspace) -> None:
    answer = operator.post(URL, {})
    assert answer.status == 201
    assert set(answer.json) == {"url", "expires_at"}
    left = datetime.fromisoformat(answer.json["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < left <= timedelta(minutes=1)
    client = Client()
    assert client.get(path_of(answer)).status_code == 200
    assert client.post(path_of(answer))["Location"] == f"/w/{workspace.public_id}/"
    assert client.get(f"/w/{workspace.public_id}/").status_code == 200
    assert Client().post(path_of(answer)).status_code == 410


def test_the_link_opens_nothing_else_and_not_after_its_minute(operator: Api, workspace: Workspace, alice: User) -> None:
    other = Workspace.objects.create(name="Also hers")
    Membership.objects.create(workspace=other, user=alice, role=Role.OWNER)
    client = Client()
    client.post(path_of(operator.post(URL, {})))
    assert [client.get(path).status_code for path in (f"/w/{other.public_id}/", "/profile", "/workspaces")] == [403] * 3
    late = operator.post(URL, {})
    PortalLink.objects.update(
        created_at=F("created_at") - timedelta(seconds=60), expires_at=F("expires_at") - timedelta(seconds=60)
    )
    assert [Client().get(path_of(late)).status_code, Client().post(path_of(late)).status_code] == [410, 410]


def test_a_new_owner_needs_no_password(operator: Api) -> None:
    body = {"name": "Acme", "external_id": "crm-18", "owner_email": "ann@example.com"}
    made = operator.post("/api/v1/workspaces", body).json
    answer = operator.post("/api/v1/workspaces/crm-18/portal-session", {"return_path": "/keys"})
    client = Client()
    assert client.post(path_of(answer))["Location"] == f"/w/{made['id']}/keys"
    assert b"First key" in client.get(f"/w/{made['id']}/keys").content
    assert User.objects.get(email="ann@example.com").has_usable_password() is False


@pytest.mark.parametrize("body", [b"", b"{}", b'{"email": null, "return_path": null}'])
def test_no_body_is_an_owner_and_the_overview(operator: Api, alice: User, body: bytes) -> None:
    assert operator.post(URL, body).status == 201
    assert operator.client.generic("POST", URL, headers=operator.headers).status_code == 201  # and no Content-Type
    assert PortalLink.objects.first().user == alice  # type: ignore[union-attr]


def test_a_member_is_named_by_address(operator: Api, bob: User) -> None:
    assert operator.post(URL, {"email": "Bob@Example.com"}).status == 201
    assert PortalLink.objects.get().user == bob


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"email": "charlie@example.com"}, 404, "not_found"),
        ({"email": "nobody@example.com"}, 404, "not_found"),
        ({"email": 7}, 400, "invalid_request"),
        ({"return_path": "https://evil.example/"}, 400, "invalid_request"),
        ({"return_path": "//evil.example/"}, 400, "invalid_request"),
        ({"return_path": "/nowhere"}, 400, "invalid_request"),
        ({"return_path": "\ud800"}, 400, "invalid_request"),
        ({"user": "bob"}, 400, "invalid_request"),
    ],
)
def test_what_cannot_be_opened_is_said(
    operator: Api, charlie: User, body: dict[str, Any], status: int, code: str
) -> None:
    answer = operator.post(URL, body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert not PortalLink.objects.exists()


def test_the_operators_own_people_are_never_handed_over(operator: Api, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    for body in ({}, {"email": "alice@example.com"}):
        answer = operator.post(URL, body)
        assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")
    assert not PortalLink.objects.exists()


def test_the_audit_follows_the_link_from_key_to_person(operator: Api, workspace: Workspace) -> None:
    Client().post(path_of(operator.post(URL, {})))
    entries = AuditEntry.objects.filter(action__startswith="portal_link", workspace=workspace).order_by("pk")
    assert [entry.action for entry in entries] == ["portal_link.made", "portal_link.used"]
    assert entries[0].actor_label.startswith("service key psk_")
    assert entries[1].actor_label == "alice@example.com"
    assert entries[0].after["link"] == entries[1].after["link"]
