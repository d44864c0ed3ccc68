"""Thousands of holds that end at once: posted in steps by the job, at once by whoever spends, with the same outcome."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.ledger import services
from billing.ledger.book import open_book
from billing.ledger.held import recent_holds
from billing.ledger.models import Hold, HoldResolution, Lot, Transfer, Wallet
from billing.ledger.services import wallet_settle
from billing.ledger.tests.helpers import DAY, NOON, assert_clean, draft, grant, release

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def held(ws: int) -> int:
    """60 holds that end within half an hour, between them lots that start and expire; one hold that lives longer."""
    grant(ws, 30, expires=NOON + timedelta(minutes=10), now=NOON)
    grant(ws, 100, starts=NOON + timedelta(minutes=15), now=NOON)
    grant(ws, 40, expires=NOON + 9 * DAY, now=NOON)
    with open_book(ws, now=NOON) as book:
        for index in range(60):
            until = NOON + timedelta(minutes=1 + index // 2)
            book.hold(operation=draft(), amount=1, expires_at=until, origin="service")
        book.hold(operation=draft(), amount=1, expires_at=NOON + timedelta(hours=5), origin="service")
    return ws


def outcome(ws: int) -> Any:
    wallet = Wallet.objects.get(pk=ws)
    lots = list(Lot.objects.filter(workspace_id=ws).order_by("pk").values_list("remaining", "held", "scheduled"))
    kinds = list(Transfer.objects.filter(workspace_id=ws).order_by("seq").values_list("kind", "amount", "occurred_at"))
    return wallet.available, wallet.held, wallet.next_due_at, lots, kinds


@pytest.mark.parametrize("step", [1, 7, 20, 60, 61])
def test_steps_come_to_the_same_as_all_at_once(held: int, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """The same transfers in the same order, lots that start and expire in between included."""
    monkeypatch.setattr(services, "STEP", step)
    with transaction.atomic():
        with open_book(held, now=LATER):
            pass
        expected = outcome(held)
        transaction.set_rollback(True)
    wallet_settle(workspace_id=held, now=LATER)
    assert outcome(held) == expected
    available, in_holds, due, lots, _ = expected
    assert (available, in_holds, due) == (139, 1, NOON + timedelta(hours=5))
    assert lots == [(0, 0, False), (100, 0, False), (40, 1, False)]
    assert HoldResolution.objects.filter(kind="expire").count() == 60
    assert_clean(held)


def test_a_step_leaves_the_rest_due_and_a_spend_posts_all_of_it(held: int) -> None:
    with open_book(held, now=LATER, most_due=7) as book:
        assert book.more_is_due
    assert HoldResolution.objects.count() == 7
    wallet = Wallet.objects.get(pk=held)
    assert wallet.next_due_at is not None
    assert wallet.next_due_at <= LATER
    assert_clean(held)
    with open_book(held, now=LATER) as book:
        assert (book.available, book.held, book.more_is_due) == (139, 1, False)
        book.spend(operation=draft(), amount=139, occurred_at=LATER)
    assert Wallet.objects.get(pk=held).available == 0
    assert_clean(held)


def test_the_job_posts_a_wallet_to_its_end(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "STEP", 9)
    with clock.at(LATER):
        (run,) = run_due(only="expire_lots")
    assert run.error == ""
    assert Hold.objects.filter(open_until__isnull=False).count() == 1
    assert_clean(held)


def test_ended_holds_are_listed_along_an_index_page_by_page(held: int) -> None:
    others = [hold for hold in Hold.objects.order_by("pk")[:12] if hold.pk % 2]
    for hold in others:
        release(held, hold.pk, now=NOON)
    with open_book(held, now=LATER, most_due=20):
        pass  # the rest has expired, and nobody has posted it yet
    expected = [hold.pk for hold in Hold.objects.order_by("-pk") if hold not in others][1:]  # the latest lives longer
    seen: list[int] = []
    while rows := recent_holds(held, LATER, status="expired", before=seen[-1] if seen else None, limit=7):
        assert {row.status for row in rows} == {"expired"}
        seen += [row.id for row in rows]
    assert seen == expected
    assert [row.id for row in recent_holds(held, LATER, status="released")] == [hold.pk for hold in others[::-1]]
    released = HoldResolution.objects.filter(workspace_id=held, kind="release").order_by("-hold")[:5]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ledger_holdresolution")
        # Of so few rows a planner may rather read all, and sort them or take them by their key: whether the index can
        # serve is what is asked.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ledger_holdresolution_pkey'::regclass"
        )
    assert "hold_resolution_not_settled" in released.explain()
    assert "Sort" not in released.explain()


def test_the_wallet_counts_its_open_holds(held: int) -> None:
    def counted() -> int:
        return Wallet.objects.get(pk=held).open_holds

    assert counted() == 61
    for hold in Hold.objects.order_by("pk")[:3]:
        release(held, hold.pk, now=NOON)
    assert counted() == 58
    with open_book(held, now=LATER, most_due=7) as book:
        assert book.open_holds == 51  # what is over counts until it is posted
    with open_book(held, now=LATER) as book:
        assert book.open_holds == 1  # and a book that places holds has posted all of it
    assert counted() == 1
    assert_clean(held)
