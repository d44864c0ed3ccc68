"""Links that hand a person over: one use, one minute, one person, one workspace."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import hooks
from accounts.errors import NoSuchMember, NotAllowed, Refused
from accounts.models import ApiKey, Membership, PortalLink, User, Workspace
from accounts.roles import Role
from accounts.services.portal_links import page_of, portal_link_by_token, portal_link_create, portal_link_use

ServiceKey = tuple[ApiKey, str]


def link_for(workspace: Workspace, key: ServiceKey, **fields: Any) -> tuple[PortalLink, str]:
    """The link and its path on this site."""
    link, url = portal_link_create(workspace=workspace, made_by=key[0], **fields)
    return link, url.removeprefix("http://localhost:8000")


def test_the_link_is_kept_as_a_hash_and_good_for_a_minute(workspace: Workspace, service_key: ServiceKey) -> None:
    link, url = link_for(workspace, service_key)
    token = url.rsplit("/", 1)[1]
    assert link.expires_at - link.created_at == timedelta(minutes=1)
    assert timezone.now() - link.created_at < timedelta(minutes=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM accounts_portallink t")
        (row,) = cursor.fetchone()
    assert token.partition(".")[2] not in row
    assert portal_link_by_token(token) == link


@pytest.mark.parametrize("change", ["x", ".", "\x00", "é", " "])
def test_another_token_is_no_link(workspace: Workspace, service_key: ServiceKey, change: str) -> None:
    token = link_for(workspace, service_key)[1].rsplit("/", 1)[1]
    handle, _, secret = token.partition(".")
    for wrong in (token + change, token[:-1] + change, handle, handle + change, f"{handle}.", f"{change}.{secret}", ""):
        assert portal_link_by_token(wrong) is None


def test_an_owner_is_handed_over_unless_somebody_is_named(
    workspace: Workspace, alice: User, bob: User, service_key: ServiceKey
) -> None:
    assert link_for(workspace, service_key)[0].user == alice
    assert link_for(workspace, service_key, email="BOB@example.com")[0].user == bob
    EmailAddress.objects.create(user=bob, email="bob@work.example", verified=True)
    assert link_for(workspace, service_key, email="bob@work.example")[0].user == bob


def test_an_address_that_is_not_proven_names_nobody(workspace: Workspace, bob: User, service_key: ServiceKey) -> None:
    EmailAddress.objects.create(user=bob, email="ceo@example.com", verified=False)
    with pytest.raises(NoSuchMember):
        link_for(workspace, service_key, email="ceo@example.com")


def test_strangers_closed_accounts_and_the_operators_people_are_never_handed_over(
    workspace: Workspace, alice: User, charlie: User, service_key: ServiceKey
) -> None:
    with pytest.raises(NoSuchMember):
        link_for(workspace, service_key, email=charlie.email)
    with pytest.raises(NoSuchMember):
        link_for(workspace, service_key, email="nobody@example.com")
    for flags in ({"is_staff": True}, {"is_superuser": True}):
        User.objects.filter(pk=alice.pk).update(is_staff=False, is_superuser=False)
        User.objects.filter(pk=alice.pk).update(**flags)
        for email in (None, alice.email):
            with pytest.raises(NotAllowed):
                link_for(workspace, service_key, email=email)
    User.objects.filter(pk=alice.pk).update(is_active=False, is_staff=False, is_superuser=False)
    with pytest.raises(NoSuchMember):
        link_for(workspace, service_key)
    assert not PortalLink.objects.exists()


def test_of_two_owners_the_one_who_may_is_handed_over(workspace: Workspace, alice: User, bob: User) -> None:
    Membership.objects.filter(user=bob).update(role=Role.OWNER)
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    key = ApiKey.objects.create(kind="service", name="k", prefix="psk_1", digest="d", scopes=["workspaces:write"])
    assert link_for(workspace, (key, ""))[0].user == bob


def test_pages_of_this_workspace_only(workspace: Workspace) -> None:
    home = f"/w/{workspace.public_id}/"
    assert page_of(workspace, "") == page_of(workspace, "/") == page_of(workspace, home) == home
    assert page_of(workspace, "/credits?x=1#add") == f"{home}credits?x=1#add"
    assert page_of(workspace, f"{home}keys") == f"{home}keys"
    other = Workspace.objects.create(name="Other").public_id
    for wrong in (
        *("credits", "//evil.example/", "https://evil.example/", "/\\evil.example", "/nowhere", "/credits\n", "/é\x00"),
        *(
            f"/w/{other}/",
            f"{home}../{other}/",
            f"{home}%2e%2e/{other}/",
            f"/w/{workspace.public_id}x/",
            "/" + "a" * 400,
        ),
        *("/../admin/", "/w/", "/w/../admin/"),
    ):
        with pytest.raises(Refused, match="workspace's pages"):
            page_of(workspace, wrong)


def test_the_database_refuses_a_link_that_leads_elsewhere_or_never_ends(
    workspace: Workspace, service_key: ServiceKey
) -> None:
    link, _ = link_for(workspace, service_key)
    for wrong in ({"path": "https://evil.example/"}, {"expires_at": link.created_at}):
        with pytest.raises(IntegrityError, match="portal_link"), transaction.atomic():
            PortalLink.objects.update(**wrong)


def test_making_and_using_are_told_to_the_audit_without_the_token(
    workspace: Workspace, alice: User, service_key: ServiceKey
) -> None:
    told: list[dict[str, Any]] = []
    listener = lambda **one: told.append(one)  # noqa: E731
    hooks.audited.append(listener)
    try:
        link, url = link_for(workspace, service_key)
        assert portal_link_use(link=link)
        assert not portal_link_use(link=link)
    finally:
        hooks.audited.remove(listener)
    assert [(one["action"], one["actor"], one["target"]) for one in told] == [
        ("portal_link.made", f"service key {service_key[0].prefix}…", "alice@example.com"),
        ("portal_link.used", alice, "alice@example.com"),
    ]
    assert {one["workspace"] for one in told} == {workspace}
    assert url.rsplit(".", 1)[1] not in str(told)


def test_what_changes_within_the_minute_counts(workspace: Workspace, alice: User, service_key: ServiceKey) -> None:
    client = Client()
    for change, back in (
        (lambda: User.objects.filter(pk=alice.pk).update(is_staff=True), {"is_staff": False}),
        (lambda: User.objects.filter(pk=alice.pk).update(is_active=False), {"is_active": True}),
        (lambda: Membership.objects.filter(user=alice).delete(), {}),
    ):
        _, url = link_for(workspace, service_key)
        change()
        assert client.get(url).status_code == 410
        assert client.post(url).status_code == 410
        assert "_auth_user_id" not in client.session
        User.objects.filter(pk=alice.pk).update(**back)
    assert not PortalLink.objects.exclude(used_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_clicks_at_the_same_moment_one_wins(workspace: Workspace, service_key: ServiceKey) -> None:
    _, url = link_for(workspace, service_key)
    clients, statuses = [Client() for _ in range(8)], []
    start = threading.Barrier(len(clients))

    def click(client: Client) -> None:
        start.wait()
        statuses.append(client.post(url).status_code)
        connection.close()

    threads = [threading.Thread(target=click, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [302] + [410] * 7
    assert sum("_auth_user_id" in client.session for client in clients) == 1
