"""Who gets optional mails, each once and by a link of its own; others know nothing of preferences."""

import threading

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.foundation.audit.models import AuditEntry
from billing.foundation.mail import hooks
from billing.foundation.mail.kinds import CATEGORIES, OPTIONAL
from billing.foundation.mail.links import unsubscribe_url
from billing.foundation.mail.models import MailWish, NewsTold, RoleMail
from billing.foundation.mail.readers import readers_of
from billing.foundation.mail.telling import News, reader_key, tell, tell_many
from billing.foundation.mail.wishes import address_changed, role_mails_save, wish_set, wishes_save
from billing.foundation.outbox.delivery import deliver, mime_bytes
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import send
from billing.foundation.site.selectors import site
from billing.foundation.tests.smtp import Behaviour

pytestmark = pytest.mark.django_db
BILLING = "billing@acme.example"


def news(workspace: Workspace, kind: str = "balance.low", key: str = "low:1") -> News:
    return News(workspace, kind, key, "Low", "Few are left.", "https://purser.example/w/", "Add")


def told() -> list[str]:
    return [address for row in OutboxMessage.objects.order_by("pk") for address in row.to]


def test_one_message_for_each_reader_and_nothing_the_second_time(workspace: Workspace) -> None:
    assert tell(news(workspace), to=[BILLING, "alice@example.com"]) is True
    assert told() == ["alice@example.com", BILLING]  # bob is a viewer
    assert tell(news(workspace), to=[BILLING, "bob@example.com"]) is False
    rows = OutboxMessage.objects.order_by("pk")
    assert [row.key for row in rows] == [reader_key("low:1", row.to[0]) for row in rows]
    assert len({row.unsubscribe for row in rows}) == 2
    assert all(row.unsubscribe in row.text for row in rows)


def test_an_address_written_in_two_ways_is_one_reader(workspace: Workspace, alice: User) -> None:
    other = Workspace.objects.create(name="W")
    Membership.objects.create(workspace=other, user=alice, role=Role.OWNER)
    pieces = [(news(workspace, key="a"), ["Alice@Example.com", BILLING]), (news(other, key="b"), [BILLING.title()])]
    assert tell_many(pieces) == 2
    assert told() == ["alice@example.com", BILLING, "alice@example.com", BILLING.title()]


def test_the_longest_address_gets_its_link_and_keeps_no_other_waiting(workspace: Workspace, settings: Settings) -> None:
    settings.SITE_URL = "https://billing.customers.of-a-company-with-a-long-name.example.com"
    longest = f"{'a' * 64}@{'b' * 61}.{'c' * 61}.{'d' * 57}.example"
    assert len(longest) == 254
    assert tell(news(workspace), to=[longest]) is True
    row = OutboxMessage.objects.get(to=[longest])
    assert len(row.unsubscribe) > 500
    lines = mime_bytes(row).split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert f"List-Unsubscribe: <{row.unsubscribe}>".encode() in b"\n".join(lines).replace(b"\n ", b"")


def test_what_nobody_can_do_without_is_one_message_as_before(workspace: Workspace) -> None:
    wish_set(workspace=workspace, address=BILLING, categories=["usage"], wanted=False)
    assert tell(news(workspace, "invoice.issued", "document:1"), to=[BILLING, "alice@example.com"]) is True
    row = OutboxMessage.objects.get()
    assert (row.key, row.to, row.unsubscribe) == ("document:1", [BILLING, "alice@example.com"], "")
    assert b"List-Unsubscribe" not in mime_bytes(row)
    with pytest.raises(ValueError, match="one by one"):
        tell_many([(news(workspace, "invoice.issued", "document:2"), [])])


def test_news_that_was_mailed_to_all_together_is_not_told_again_after_the_update(workspace: Workspace) -> None:
    send(to=[BILLING], subject="S", text="T", kind="balance.low", key="low:1", workspace=workspace)
    assert tell(news(workspace), to=[BILLING]) is False
    assert OutboxMessage.objects.count() == 1


def test_news_that_nobody_wants_to_be_mailed_is_told_once_all_the_same(workspace: Workspace) -> None:
    heard: list[News] = []
    hooks.news_told.append(heard.append)
    try:
        wish_set(workspace=workspace, address="ALICE@example.com", categories=["usage"], wanted=False)
        assert tell(news(workspace), to=["alice@example.com"]) is True
        assert tell(news(workspace), to=["alice@example.com"]) is False
        assert (told(), len(heard), NewsTold.objects.count()) == ([], 1, 1)
    finally:
        hooks.news_told.remove(heard.append)


def test_a_person_before_the_role_before_the_catalogue(workspace: Workspace, alice: User, bob: User) -> None:
    def readers(*asked: str) -> list[str]:
        return readers_of(CATEGORIES["usage"], {workspace.pk: asked}).get(workspace.pk, [])

    assert readers() == ["alice@example.com"]
    role_mails_save(workspace=workspace, chosen={("viewer", "usage"): True, ("owner", "usage"): False}, by=alice)
    assert readers() == ["bob@example.com"]
    assert AuditEntry.objects.get().action == "mail.roles_changed"
    member = Membership.objects.get(user=alice)
    assert wishes_save(membership=member, wanted={"usage": True, "credits": True}) == 1
    assert readers() == ["alice@example.com", "bob@example.com"]
    wish_set(workspace=workspace, address=BILLING, categories=["usage", "billing"], wanted=False)
    assert readers(BILLING) == ["alice@example.com", "bob@example.com"]
    assert not MailWish.objects.filter(category="billing").exists()
    role_mails_save(workspace=workspace, chosen={("viewer", "usage"): False, ("owner", "usage"): True}, by=alice)
    assert not RoleMail.objects.exists()
    address_changed(before="alice@example.com", after="Alice@new.example")
    assert MailWish.objects.get(address="alice@new.example").wanted


def test_a_member_gets_nothing_that_the_role_may_not_see(workspace: Workspace, bob: User) -> None:
    wish_set(workspace=workspace, address=bob.email, categories=["keys"], wanted=True)
    assert readers_of(CATEGORIES["keys"], {workspace.pk: []}) == {workspace.pk: ["alice@example.com"]}


def test_many_workspaces_cost_as_many_queries_as_one(workspace: Workspace, alice: User) -> None:
    others = [Workspace.objects.create(name=f"W{number}") for number in range(20)]
    for each in others:
        Membership.objects.create(workspace=each, user=alice, role=Role.OWNER)
    site()  # which a process keeps
    pieces = [(news(each, "credits.granted", f"granted:{each.pk}"), list[str]()) for each in [workspace, *others]]
    with CaptureQueriesContext(connection) as one:
        assert tell_many(pieces[:1]) == 1
    with CaptureQueriesContext(connection) as many:
        assert tell_many(pieces[1:]) == 20
    assert (len(many), len(many) <= 12) == (len(one), True)
    assert OutboxMessage.objects.count() == 21
    assert tell_many(pieces) == 0


@pytest.mark.django_db(transaction=True)
def test_told_at_the_same_moment_it_is_told_once(workspace: Workspace) -> None:
    start, found = threading.Barrier(4), list[bool]()

    def run() -> None:
        start.wait()
        found.append(tell(news(workspace), to=[BILLING]))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False, False, False, True]
    assert sorted(told()) == ["alice@example.com", BILLING]


def test_mail_programs_get_their_button(workspace: Workspace, client: Client) -> None:
    tell(news(workspace), to=[BILLING])
    row = OutboxMessage.objects.get(to=[BILLING])
    mail = mime_bytes(row).decode().replace("\r\n ", "").replace("\r\n", "\n")
    assert f"List-Unsubscribe: <{row.unsubscribe}>" in mail
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in mail
    strict = Client(enforce_csrf_checks=True)
    path = row.unsubscribe.partition("localhost:8000")[2]
    assert strict.get(path).status_code == 200
    assert strict.head(path).status_code == 200
    assert not MailWish.objects.exists()  # whoever only looks changes nothing
    assert strict.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    wish = MailWish.objects.get()
    assert (wish.workspace, wish.address, wish.category, wish.wanted) == (workspace, BILLING, "usage", False)
    assert tell(news(workspace, key="low:2"), to=[BILLING]) is True
    assert not OutboxMessage.objects.filter(to=[BILLING]).exclude(pk=row.pk).exists()
    strict.post(path, {"do": "start"})
    assert MailWish.objects.get().wanted is True
    strict.post(path, {"do": "stop-all"})
    assert set(MailWish.objects.values_list("address", "wanted")) == {(BILLING, False)}
    assert MailWish.objects.count() == len(OPTIONAL)


def test_what_a_link_changes_is_told_to_the_audit(workspace: Workspace, alice: User, client: Client) -> None:
    """As that of the person it was sent to, who did not sign in; once, however often it is opened."""
    path = unsubscribe_url(workspace, "Alice@example.com", "usage").partition("localhost:8000")[2]
    client.get(path)
    assert not AuditEntry.objects.exists()
    for _ in range(2):
        client.post(path)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.workspace) == ("mail.own_changed", None, workspace)  # nobody signed in
    assert entry.actor_label == "alice@example.com, by the link in a mail"
    assert entry.target == "alice@example.com, by the link in a mail"
    assert (entry.before, entry.after, entry.ip) == ({"usage": None}, {"usage": False}, "127.0.0.1")
    client.post(unsubscribe_url(workspace, BILLING, "usage").partition("localhost:8000")[2], {"do": "stop-all"})
    entry = AuditEntry.objects.latest("pk")
    assert (entry.actor, entry.actor_label) == (None, f"{BILLING}, by the link in a mail")
    assert set(entry.after) == {category.key for category in OPTIONAL}


def test_links_that_are_not_ours_do_nothing(workspace: Workspace, client: Client) -> None:
    path = unsubscribe_url(workspace, BILLING, "usage").partition("localhost:8000")[2]
    assert client.post(path[:-1] + ("a" if path[-1] != "a" else "b")).status_code == 404
    assert client.post(path.replace("unsubscribe/", "unsubscribe/x")).status_code == 404
    required = unsubscribe_url(workspace, BILLING, "billing").partition("localhost:8000")[2]
    assert client.post(required).status_code == 404
    workspace.delete()
    assert "gone" in client.get(path).content.decode()
    assert not MailWish.objects.exists()


def test_pages_of_preferences(
    workspace: Workspace, alice_client: Client, bob_client: Client, charlie_client: Client
) -> None:
    path = f"/w/{workspace.public_id}/emails"
    assert "What roles get" in alice_client.get(path).content.decode()
    assert "What roles get" not in bob_client.get(path).content.decode()
    assert charlie_client.get(path).status_code == 404
    assert Client().get(path).status_code == 302
    assert bob_client.put(path).status_code == 405
    bob_client.post(path, {"category": ["usage", "keys", "billing"]})
    assert list(MailWish.objects.values_list("address", "category")) == [("bob@example.com", "usage")]
    assert bob_client.post(f"{path}/roles", {"role": ["viewer:usage"]}).status_code == 403
    assert not RoleMail.objects.exists()
    assert alice_client.get(f"{path}/roles").status_code == 405


def test_the_header_reaches_the_mail_server(workspace: Workspace, smtp: Behaviour) -> None:
    tell(news(workspace), to=[BILLING])
    for row in OutboxMessage.objects.all():
        deliver(row.pk)
    mails = [mail for _, mail in smtp.taken]
    assert [mail["List-Unsubscribe-Post"] for mail in mails] == ["List-Unsubscribe=One-Click"] * 2
    assert all(mail.get_body(("html",)) is not None for mail in mails)
