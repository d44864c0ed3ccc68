"""What people are told of credits, keys and colleagues: each once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiKey, Membership, User, Workspace
from accounts.roles import Role
from accounts.scopes import KeyKind, Scope
from accounts.services.invitations import invitation_accept, invitation_create
from accounts.services.key_changes import api_key_rotate
from accounts.services.keys import api_key_create
from accounts.services.people import person_was_verified
from billing.alerts.mails.expiring import expiring_tell
from billing.alerts.mails.granted import credits_came, grants_look
from billing.alerts.notices.models import Notice
from billing.credits import clock
from billing.credits.units import exact_nano
from billing.foundation.mail.models import MailWatch, NewsTold
from billing.foundation.mail.wishes import wish_set
from billing.foundation.outbox.models import OutboxMessage
from billing.invoices.models import BillingProfile
from billing.ledger.models import Lot
from billing.ledger.services import credits_grant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def not_new(workspace: Workspace) -> None:
    workspace.created_at = clock.now() - timedelta(days=30)
    workspace.save()


def grant(workspace: Workspace, key: str = "one", *, source: str = "promotion", days: int = 90, ago: int = 0) -> None:
    now = clock.now() - timedelta(hours=ago)
    credits_grant(
        workspace_id=workspace.pk,
        namespace="operator",
        key=key,
        amount=exact_nano(Decimal(1_000)),
        source=source,
        label="Plan credits",
        expires_at=now + timedelta(days=days),
        actor="operator",
        reason="test",
        now=now,
    )


def sent(kind: str) -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(kind=kind).order_by("pk"))


def test_credits_that_came_in_are_told_once(workspace: Workspace) -> None:
    BillingProfile.objects.create(workspace=workspace, email="books@northwind.example")
    grant(workspace)
    for _ in range(2):
        credits_came([workspace.pk])
    rows = sent("credits.granted")
    assert [row.to for row in rows] == [["alice@example.com"], ["books@northwind.example"]]
    assert rows[0].subject == "1,000 credits for Northwind AI"
    assert "For: Plan credits" in rows[0].text


def test_what_a_workspace_begins_with_is_no_news(workspace: Workspace) -> None:
    Workspace.objects.update(created_at=clock.now())
    grant(workspace)
    credits_came([workspace.pk])
    assert sent("credits.granted") == []


def test_bought_credits_have_their_receipt(workspace: Workspace) -> None:
    grant(workspace, source="bought")
    credits_came([workspace.pk])
    assert sent("credits.granted") == []


def test_nobody_who_wants_it_means_few_queries_and_no_rows(workspace: Workspace) -> None:
    grant(workspace)
    wish_set(workspace=workspace, address="alice@example.com", categories=["credits"], wanted=False)
    others = [Workspace.objects.create(name="Empty").pk for _ in range(30)]
    with CaptureQueriesContext(connection) as asked:
        credits_came([workspace.pk, *others])
    assert len(asked) == 4
    assert not NewsTold.objects.exists()


def test_a_batch_costs_as_many_queries_as_one(workspace: Workspace, alice: User) -> None:
    others = [Workspace.objects.create(name=f"W{number}") for number in range(10)]
    for each in others:
        Membership.objects.create(workspace=each, user=alice, role=Role.OWNER)
        grant(each)
        Workspace.objects.update(created_at=clock.now() - timedelta(days=30))
    grant(workspace)
    with CaptureQueriesContext(connection) as one:
        credits_came([workspace.pk])
    with CaptureQueriesContext(connection) as many:
        credits_came([each.pk for each in others])
    assert len(many) <= len(one)  # which reads what a process keeps, too
    assert len(sent("credits.granted")) == 11


def test_many_grants_on_a_day_are_a_few_mails(workspace: Workspace) -> None:
    noon = clock.now().replace(hour=12)
    for number in range(6):
        with clock.at(noon):
            grant(workspace, f"{number}")
            credits_came([workspace.pk])
    with clock.at(noon + timedelta(hours=3)):
        credits_came([workspace.pk])
        assert grants_look(now=clock.now(), limit=10) == 0
    subjects = [row.subject for row in sent("credits.granted")]
    assert subjects == ["1,000 credits for Northwind AI"] * 3 + ["More credits for Northwind AI"]
    with clock.at(noon + timedelta(days=1)):
        grant(workspace, "tomorrow")
        credits_came([workspace.pk])
    assert len(sent("credits.granted")) == 5


def test_what_was_lost_with_a_process_is_told_later_and_history_is_not(workspace: Workspace) -> None:
    grant(workspace, "history", ago=3)
    assert grants_look(now=clock.now(), limit=10) == 0  # what was there before there were such mails
    grant(workspace, "lost", ago=2)
    grant(workspace, "fresh")
    assert grants_look(now=clock.now(), limit=10) == 1
    assert grants_look(now=clock.now(), limit=10) == 0
    assert len(sent("credits.granted")) == 1
    assert MailWatch.objects.get().upto == Lot.objects.order_by("pk")[1].pk


def test_expiring_credits_of_a_day_are_one_mail(workspace: Workspace) -> None:
    for key, days in (("one", 5), ("two", 5), ("three", 30)):
        grant(workspace, key, days=days)
    assert expiring_tell(now=clock.now(), limit=10) == 1
    assert expiring_tell(now=clock.now(), limit=10) == 0
    (row,) = sent("credits.expiring")
    assert row.subject == "2,000 credits of Northwind AI expire in 5 days"
    assert row.unsubscribe


def test_owners_and_admins_hear_of_new_keys(workspace: Workspace, alice: User) -> None:
    def make(**more: object) -> ApiKey:
        values = {"workspace": workspace, "name": "prod", "scopes": [Scope.USAGE_READ], **more}
        return api_key_create(kind=KeyKind.WORKSPACE, **values)[0]

    make()  # by command: whoever set the workspace up
    assert sent("api_key.created") == []
    key = make(created_by=alice)
    (row,) = sent("api_key.created")
    assert (row.to, row.unsubscribe) == (["alice@example.com"], "")
    assert key.prefix in row.text
    assert key.digest not in row.text
    api_key_rotate(key=key, by=alice, grace=timedelta(hours=1), expires_at=None)
    assert len(sent("api_key.created")) == 2


def test_owners_hear_of_people_who_joined(workspace: Workspace, alice: User, charlie: User) -> None:
    invitation = invitation_create(workspace=workspace, email=charlie.email, role="member", by=alice)
    for _ in range(2):
        invitation_accept(invitation=invitation, user=charlie)
    (row,) = sent("member.joined")
    assert (row.to, row.subject) == (["alice@example.com"], "charlie@example.com joined Northwind AI")


def test_a_new_owner_is_not_told_of_themselves_and_who_wants_to_is(
    workspace: Workspace, alice: User, bob: User, charlie: User
) -> None:
    wish_set(workspace=workspace, address=bob.email, categories=["team"], wanted=True)
    invitation = invitation_create(workspace=workspace, email=charlie.email, role="owner", by=alice)
    invitation_accept(invitation=invitation, user=charlie)
    rows = sent("member.joined")
    assert [row.to for row in rows] == [["alice@example.com"], ["bob@example.com"]]
    assert Notice.objects.get(kind="member.joined").title == rows[0].subject


def test_whoever_signs_up_is_welcomed_once(charlie: User) -> None:
    for _ in range(2):
        person_was_verified(charlie)
    (row,) = sent("account.welcome")
    assert (row.to, row.subject) == (["charlie@example.com"], "Welcome to Purser")
    User.objects.filter(pk=charlie.pk).update(date_joined=clock.now() - timedelta(days=30))
    OutboxMessage.objects.all().delete()
    charlie.refresh_from_db()
    person_was_verified(charlie)
    assert sent("account.welcome") == []
