"""One mail about each key that ends soon, and old portal links forgotten."""

import threading
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import ApiKey, Membership, PortalLink, User, Workspace
from accounts.roles import Role
from accounts.services.key_changes import api_key_rotate
from accounts.services.keys import api_key_create, api_key_revoke
from billing.api.tasks import forget_portal_links, tell_of_expiring_keys
from billing.foundation.outbox.models import OutboxMessage


def key_for(workspace: Workspace, *, days: float, made_ago: float = 90, name: str = "production") -> ApiKey:
    key, _ = api_key_create(kind="workspace", workspace=workspace, name=name, scopes=["usage:read"])
    now = timezone.now()
    ApiKey.objects.filter(pk=key.pk).update(
        expires_at=now + timedelta(days=days), created_at=now - timedelta(days=made_ago)
    )
    key.refresh_from_db()
    return key


def run(now: datetime | None = None) -> int:
    return tell_of_expiring_keys(now=now or timezone.now(), limit=100)


def test_owners_and_admins_are_told_once_a_week_before(
    workspace: Workspace, alice: User, bob: User, charlie: User
) -> None:
    Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    Membership.objects.create(workspace=workspace, user=charlie, role=Role.MEMBER)
    key = key_for(workspace, days=8)
    assert run() == 0
    assert run(timezone.now() + timedelta(days=1, minutes=1)) == 1
    assert run(timezone.now() + timedelta(days=2)) == 0
    message, other = OutboxMessage.objects.order_by("pk")
    assert (message.to, other.to) == (["alice@example.com"], ["bob@example.com"])
    assert (message.kind, message.workspace) == ("api_key.expiring", workspace)
    assert key.expires_at is not None
    assert message.subject == f"The API key production of Northwind AI ends on {key.expires_at:%-d %B %Y}"
    assert f"http://localhost:8000/w/{workspace.public_id}/keys/{key.pk}/rotate" in message.text
    assert "never used" in message.text


def test_nobody_is_told_of_what_they_did_themselves(workspace: Workspace, alice: User) -> None:
    key_for(workspace, days=6, made_ago=0.5)  # made for a week
    api_key_revoke(key=key_for(workspace, days=3), by=alice)
    api_key_rotate(key=key_for(workspace, days=3), grace=timedelta(days=7), expires_at=None, by=alice)
    key_for(workspace, days=-1)
    ApiKey.objects.create(
        kind="service", name="s", prefix="psk_1", digest="d", scopes=["usage:read"],
        created_at=timezone.now() - timedelta(days=90), expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    assert run() == 0
    assert not OutboxMessage.objects.filter(kind="api_key.expiring").exists()


def test_every_key_is_told_of_also_where_nobody_is_left_to_tell(workspace: Workspace) -> None:
    for n in range(3):
        key_for(workspace, days=n + 1, name=f"k{n}")
    empty = Workspace.objects.create(name="Empty")
    key_for(empty, days=1)
    assert tell_of_expiring_keys(now=timezone.now(), limit=2) == 2
    assert run() == 2
    assert run() == 0
    assert OutboxMessage.objects.filter(workspace=workspace).count() == 3
    assert not OutboxMessage.objects.filter(workspace=empty).exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_once(workspace: Workspace) -> None:
    for n in range(6):
        key_for(workspace, days=n + 0.5, name=f"k{n}")
    done: list[int] = []

    def work() -> None:
        done.append(run())
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run()
    assert sum(done) <= 6
    assert OutboxMessage.objects.count() == 6


def test_old_portal_links_are_forgotten(workspace: Workspace, alice: User) -> None:
    now = timezone.now()
    for n, age in enumerate((0, 29, 31, 40)):
        made = now - timedelta(days=age, minutes=2)
        PortalLink.objects.create(
            workspace=workspace,
            user=alice,
            handle=str(n),
            digest=str(n),
            path="/w/x/",
            created_at=made,
            expires_at=made + timedelta(minutes=1),
        )
    assert forget_portal_links(now=now, limit=1) == 1
    assert forget_portal_links(now=now, limit=10) == 1
    assert set(PortalLink.objects.values_list("handle", flat=True)) == {"0", "1"}
