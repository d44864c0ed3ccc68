"""Notices: kept from news, seen by role, read by each person, forgotten."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.alerts.notices.models import Notice, NoticeRead
from billing.alerts.notices.selectors import PAGE, RECENT, notice_page
from billing.alerts.notices.services import KEPT, KEPT_UNREAD, notice_read, notices_forget, notices_read
from billing.alerts.notices.standing import standing_of
from billing.alerts.notices.tests.conftest import Told
from billing.credits import clock
from billing.foundation.mail.telling import News, tell_many
from billing.ledger.selectors import balance

pytestmark = pytest.mark.django_db


def member(workspace: Workspace, user: User, role: str | None = None) -> Membership:
    if role:
        Membership.objects.update_or_create(
            workspace=workspace, user=user, defaults={"role": role, "created_at": clock.now()}
        )
    return Membership.objects.select_related("workspace").get(workspace=workspace, user=user)


def unread(of: Membership) -> int:
    return standing_of(of, balance(of.workspace_id)).unread


def test_news_is_a_notice_once(workspace: Workspace, alice: User, told: Told) -> None:
    notice = told()
    told()
    assert notice is not None
    assert Notice.objects.count() == 1
    assert (notice.title, notice.path, notice.button) == (
        "About k1",
        f"/w/{workspace.public_id}/credits",
        "Add credits",
    )
    assert (notice.kind, notice.audience) == ("balance.low", "everyone")
    assert unread(member(workspace, alice)) == 1


def test_news_of_a_batch_is_kept_as_well(workspace: Workspace, alice: User) -> None:
    other = Workspace.objects.create(name="Other")
    news = [
        News(
            each, "credits.expiring", f"expiring:{each.pk}", "Credits expire", "Soon.", f"{settings.SITE_URL}/w/", "See"
        )
        for each in (workspace, other)
    ]
    assert tell_many([(each, [alice.email]) for each in news]) == 2
    assert tell_many([(each, [alice.email]) for each in news]) == 0
    assert list(Notice.objects.values_list("workspace", flat=True).order_by("pk")) == [workspace.pk, other.pk]
    assert unread(member(workspace, alice)) == 1


def test_a_link_elsewhere_is_not_kept(told: Told) -> None:
    notice = told(link="https://invoice.stripe.com/i/acct_1")
    assert notice is not None
    assert notice.path == ""
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.update(path="//evil.example/")


def test_what_is_for_one_person_is_no_notice(told: Told) -> None:
    assert told("invoice.copy") is None


def test_long_and_odd_news_is_kept_all_the_same(told: Told) -> None:
    notice = told(subject="a\x00 b\n" + "x" * 600, text="t\x00", button="b" * 90, path="/" + "p" * 2_000)
    assert notice is not None
    assert (len(notice.title), notice.text, len(notice.button), notice.path) == (500, "t", 60, "")


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        (Role.ADMIN, {"balance.low", "topup.failed", "api_key.created", "member.joined", "webhooks.off"}),
        (Role.BILLING, {"balance.low", "topup.failed"}),
        (Role.MEMBER, {"balance.low", "api_key.created"}),
        (Role.VIEWER, {"balance.low"}),
    ],
)
def test_a_role_sees_what_it_is_told_of(
    workspace: Workspace, bob: User, told: Told, role: Role, kinds: set[str]
) -> None:
    bob_in = member(workspace, bob, role)
    for kind in ("balance.low", "topup.failed", "api_key.created", "member.joined", "webhooks.off"):
        told(kind, kind)
    assert {notice.kind for notice in notice_page(bob_in).notices} == kinds
    assert unread(bob_in) == len(kinds)
    hidden = Notice.objects.exclude(kind__in=kinds).first()
    assert hidden is None or notice_read(member=bob_in, pk=hidden.pk) is None
    assert notices_read(member=bob_in, up_to=10**12) == len(kinds)
    assert NoticeRead.objects.count() == len(kinds)


def test_each_person_reads_for_themselves(workspace: Workspace, alice: User, bob: User, told: Told) -> None:
    alice_in, bob_in = member(workspace, alice), member(workspace, bob, Role.ADMIN)
    first, second = told(key="a"), told(key="b")
    assert first is not None
    assert second is not None
    notice_read(member=alice_in, pk=first.pk)
    notice_read(member=alice_in, pk=first.pk)
    assert (unread(alice_in), unread(bob_in)) == (1, 2)
    assert notices_read(member=bob_in, up_to=first.pk) == 1, "one came while the page was open"
    assert (unread(alice_in), unread(bob_in)) == (1, 1)


def test_what_came_before_one_joined_is_not_told(workspace: Workspace, bob: User, told: Told) -> None:
    old = told()
    assert old is not None
    Notice.objects.update(created_at=clock.now() - timedelta(days=1))
    bob_in = member(workspace, bob, Role.ADMIN)
    assert unread(bob_in) == 0
    assert notice_page(bob_in).notices == []
    assert notice_read(member=bob_in, pk=old.pk) is None


def test_pages_go_on_where_the_last_one_ended(workspace: Workspace, alice: User, told: Told) -> None:
    for number in range(PAGE + 2):
        told(key=f"k{number}")
    first = notice_page(member(workspace, alice))
    assert (len(first.notices), first.unread) == (PAGE, True)
    second = notice_page(member(workspace, alice), before=first.older)
    assert [notice.key for notice in second.notices] == ["k1", "k0"]
    assert second.older is None


def test_unread_is_counted_in_one_query_however_many_there_are(
    workspace: Workspace, alice: User, django_assert_num_queries: Any
) -> None:
    alice_in, found = member(workspace, alice), balance(workspace.pk)
    rows = [
        Notice(workspace=workspace, kind="balance.low", key=f"k{number}", audience="everyone", title="T", text="t")
        for number in range(RECENT + 50)
    ]
    Notice.objects.bulk_create(rows)
    standing_of(alice_in, found)  # the site's settings are kept from here on
    with django_assert_num_queries(1):
        standing = standing_of(alice_in, found)
    assert (standing.unread, standing.count) == (RECENT, "99+")
    notices_read(member=alice_in, up_to=10**12)
    assert unread(alice_in) == 0


def test_old_ones_are_forgotten(workspace: Workspace, alice: User, told: Told) -> None:
    read, left, new = told(key="read"), told(key="left"), told(key="new")
    assert read is not None
    assert left is not None
    assert new is not None
    now = clock.now()
    for notice, age in ((read, KEPT), (left, KEPT), (new, timedelta())):
        Notice.objects.filter(pk=notice.pk).update(created_at=now - age - timedelta(minutes=1))
    NoticeRead.objects.create(notice=read, user=alice)
    NoticeRead.objects.create(notice=new, user=alice)
    assert notices_forget(now=now, limit=100) == 1
    assert set(Notice.objects.values_list("key", flat=True)) == {"left", "new"}
    assert notices_forget(now=now + KEPT_UNREAD - KEPT, limit=1) == 1
    assert notices_forget(now=now + KEPT_UNREAD - KEPT, limit=1) == 1
    assert notices_forget(now=now + KEPT_UNREAD - KEPT, limit=1) == 0
