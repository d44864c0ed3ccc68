"""What the members of a suspended workspace can still do on its pages: what protects them, and nothing else."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Invitation, Membership, User, Workspace
from accounts.roles import Role
from accounts.services.invitations import token_digest
from accounts.services.suspension import workspace_suspend
from billing.alerts.notices.models import Notice, NoticeRead
from billing.alerts.webhooks.models import WebhookEndpoint
from billing.foundation.mail.readers import member_gets
from billing.usage import limits
from portal.testing.routes import address, workspace_routes

pytestmark = pytest.mark.django_db
# Whatever is sent to these.
ALWAYS = {
    *("accounts:invitation-revoke", "accounts:key-revoke", "accounts:leave", "accounts:member-remove"),
    *("foundation:mail-preferences", "notices:read", "packs:leave", "packs:method-remove"),
    *("plans:cancel", "plans:leave", "voices:cancel", "voices:delete", "webhooks:delete"),
}
# What of a page: a request that is let through. Confirming a cancellation (`plans:change`) is below, with a real one.
SOME: dict[str, dict[str, str]] = {
    "addons:change": {"quantity": "0"},
    "packs:auto-top-up": {"withdraw": "1"},
    "plans:auto-upgrade": {"off": "1"},
    "webhooks:switch": {"on": "0"},
}
MORE = {"name": "Changed", "quantity": "1", "on": "1", "agree": "1", "resume": "1", "confirmed": "on"}


@pytest.fixture(autouse=True)
def known_anew() -> Iterator[None]:
    limits._suspended.clear()
    yield
    limits._suspended.clear()


@pytest.fixture
def suspended(workspace: Workspace) -> Workspace:
    return workspace_suspend(workspace=workspace, reason="unpaid", by="operator")


def read_only(answer: Any) -> bool:
    return answer.status_code == 403 and b"For reading only" in answer.content


def test_every_route_is_refused_unless_it_is_listed_here(suspended: Workspace, alice_client: Client) -> None:
    routes = workspace_routes()
    assert len(routes) > 80
    assert ALWAYS | set(SOME) <= set(routes)
    for name, named in routes.items():
        url = address(name, suspended, **named)
        if name not in ALWAYS:
            answer = alice_client.post(url, MORE)
            # Nothing of that name to be found, or only ever read.
            fits = answer.status_code == 405 or (name == "plans:change" and answer.status_code == 404)
            assert fits or read_only(answer), (name, answer.status_code)
        if name in SOME:
            assert not read_only(alice_client.post(url, SOME[name])), name
    for name in ALWAYS - {"accounts:leave"}:  # who has left is a stranger
        assert not read_only(alice_client.post(address(name, suspended, **routes[name]), MORE)), name
    suspended.refresh_from_db()
    assert suspended.name == "Northwind AI"


def test_a_leaked_key_is_revoked(
    workspace_key: Callable[..., tuple[ApiKey, str]], workspace: Workspace, alice_client: Client, bob_client: Client
) -> None:
    key, _ = workspace_key()
    workspace_suspend(workspace=workspace, reason="unpaid", by="operator")
    url = address("accounts:key-revoke", workspace, pk=key.pk)
    assert bob_client.post(url).status_code == 403  # a role that may not still may not
    key.refresh_from_db()
    assert key.revoked_at is None
    assert alice_client.post(url).status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert read_only(alice_client.post(address("accounts:key-rotate", workspace, pk=key.pk), {"grace": "0"}))
    assert read_only(alice_client.post(address("accounts:key-create", workspace), {"name": "Another"}))


def test_members_are_removed_and_leave(
    suspended: Workspace, alice: User, bob: User, charlie: User, alice_client: Client, bob_client: Client
) -> None:
    Membership.objects.create(workspace=suspended, user=charlie, role=Role.ADMIN)
    other = Membership.objects.get(workspace=suspended, user=charlie)
    assert alice_client.post(address("accounts:member-remove", suspended, pk=other.pk)).status_code == 302
    assert bob_client.post(address("accounts:leave", suspended)).status_code == 302
    assert [member.user for member in suspended.memberships.all()] == [alice]
    alice_client.post(address("accounts:leave", suspended))  # the last owner stays
    assert [member.user for member in suspended.memberships.all()] == [alice]


def test_what_is_a_persons_own(suspended: Workspace, bob: User, bob_client: Client) -> None:
    member = Membership.objects.get(workspace=suspended, user=bob)
    notice = Notice.objects.create(
        workspace=suspended, kind="credits.low", audience="everyone", title="Low", text="Low", path="", key="n"
    )
    assert bob_client.post(address("notices:read", suspended), {"up_to": str(notice.pk)}).status_code == 302
    assert NoticeRead.objects.exists()
    before = member_gets(member)
    gets = {key: not wanted for key, wanted in before.items()}
    chosen = [key for key, wanted in gets.items() if wanted]
    bob_client.post(address("foundation:mail-preferences", suspended), {"category": chosen})
    assert member_gets(Membership.objects.get(pk=member.pk)) == gets != before


def test_webhooks_are_switched_off_and_deleted_and_not_on(suspended: Workspace, alice_client: Client) -> None:
    endpoint = WebhookEndpoint.objects.create(
        workspace=suspended, url="https://example.com/hook", event_types=["credits.low"], secret="x"
    )
    url = address("webhooks:switch", suspended, public_id=endpoint.public_id)
    alice_client.post(url, {"on": "0"})
    endpoint.refresh_from_db()
    off = endpoint.off_at
    assert off is not None
    assert read_only(alice_client.post(url, {"on": "1"}))
    endpoint.refresh_from_db()
    assert endpoint.off_at == off
    alice_client.post(address("webhooks:delete", suspended, public_id=endpoint.public_id))
    assert not WebhookEndpoint.objects.filter(pk=endpoint.pk).exists()


@pytest.fixture
def invited(suspended: Workspace, charlie: User) -> Invitation:
    return Invitation.objects.create(
        workspace=suspended,
        email=charlie.email,
        role=Role.VIEWER,
        token_digest=token_digest("t"),
        expires_at=timezone.now() + timedelta(days=1),
    )


def test_nobody_joins_meanwhile(
    invited: Invitation, charlie_client: Client, client: Client, suspended: Workspace
) -> None:
    answers = [
        charlie_client.get("/invitations/t"),
        charlie_client.post("/invitations/t"),
        charlie_client.post(f"/workspaces/invitations/{invited.pk}/accept"),
        client.get("/invitations/t"),
        client.post("/invitations/t", {"signup": ""}),
    ]
    for answer in answers:
        assert answer.status_code == 403
        assert "Northwind AI is suspended" in answer.content.decode()
    invited.refresh_from_db()
    assert invited.accepted_at is None
    assert suspended.memberships.count() == 2
    session = charlie_client.session
    session["invitation"] = invited.pk  # agreed to before signing up, and suspended since
    session.save()
    page = charlie_client.get("/", follow=True)
    assert "Northwind AI is suspended at present" in page.content.decode()
    assert suspended.memberships.count() == 2
    Workspace.objects.filter(pk=suspended.pk).update(suspended_at=None, suspended_reason="")
    assert charlie_client.post("/invitations/t").status_code == 302
    assert suspended.memberships.count() == 3


def test_invitations_are_withdrawn(invited: Invitation, suspended: Workspace, alice_client: Client) -> None:
    alice_client.post(address("accounts:invitation-revoke", suspended, pk=invited.pk))
    invited.refresh_from_db()
    assert invited.revoked_at is not None
