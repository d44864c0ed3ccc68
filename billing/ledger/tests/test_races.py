"""Real threads on one wallet."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from typing import TypeVar

import pytest
from django.db import connection

from billing.credits import clock
from billing.ledger.book import open_book
from billing.ledger.errors import IdempotencyConflict
from billing.ledger.jobs import expire_lots
from billing.ledger.models import Lot, Operation, Transfer, Wallet
from billing.ledger.records import GrantResult
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant, wallet_settle
from billing.ledger.tests.helpers import DAY, NOON, assert_clean, draft, grant, spend

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8
T = TypeVar("T")


def together(work: Callable[[int], T]) -> list[T]:
    """`work(n)` in every thread at the same moment; what each returned."""
    barrier = Barrier(THREADS)

    def run(number: int) -> T:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_eight_threads_spend_exactly_what_is_there_and_owe_the_rest(ws: int) -> None:
    grant(ws, 1_000)
    grant(ws, 500)

    def work(number: int) -> int:
        return sum(spend(ws, number + 1).covered for _ in range(50))

    covered = sum(together(work))
    spent = 50 * sum(range(1, THREADS + 1))
    assert covered == 1_500
    now = balance(ws)
    assert (now.available, now.debt) == (0, spent - 1_500)
    assert Operation.objects.filter(namespace="usage").count() == 50 * THREADS
    assert_clean(ws)


def test_a_new_wallet_is_made_once(ws: int) -> None:
    together(lambda _: spend(ws, 3))
    assert Wallet.objects.get(pk=ws).debt == 3 * THREADS
    assert_clean(ws)


def test_one_key_from_eight_threads_grants_once(ws: int) -> None:
    def work(number: int) -> GrantResult:
        return credits_grant(workspace_id=ws, key="once", amount=100, label="Gift")

    results = together(work)
    assert sum(not result.replay for result in results) == 1
    assert {result.lot_id for result in results} == set(Lot.objects.values_list("pk", flat=True))
    assert balance(ws).available == 100
    assert_clean(ws)


def test_one_key_with_eight_contents_grants_one_of_them(ws: int) -> None:
    def work(number: int) -> int:
        try:
            return credits_grant(workspace_id=ws, key="once", amount=100 + number, label="Gift").amount
        except IdempotencyConflict:
            return 0

    assert sum(together(work)) == balance(ws).available
    assert_clean(ws)


def test_grants_spending_and_expiry_at_once_add_up(ws: int) -> None:
    grant(ws, 300, expires=NOON + DAY, now=NOON)
    later = NOON + 2 * DAY

    def work(number: int) -> None:
        for step in range(15):
            with clock.at(later):
                if number == 0:
                    expire_lots(now=later, limit=10)
                elif number == 1:
                    credits_grant(workspace_id=ws, key=f"{step}", amount=20, label="Gift")
                else:
                    spend(ws, 1)

    together(work)
    expired = Transfer.objects.get(kind="lot.expire")
    assert expired.amount == 300
    now = balance(ws, later)
    assert now.available - now.debt == 15 * 20 - 15 * (THREADS - 2)
    assert_clean(ws)


def test_a_batch_book_waits_for_the_one_before_it(ws: int) -> None:
    grant(ws, 10_000)

    def work(number: int) -> None:
        for _ in range(5):
            with open_book(ws) as book:
                before = book.available
                for _ in range(5):
                    book.spend(operation=draft(), amount=1, occurred_at=book.now)
                book.flush()
                assert book.available == before - 5

    together(work)
    assert balance(ws).available == 10_000 - THREADS * 25
    assert_clean(ws)


def test_verifying_beside_writers_finds_nothing_wrong(ws: int) -> None:
    grant(ws, 100)

    def work(number: int) -> None:
        for _ in range(12):
            if number == 0:
                assert_clean(ws)
            elif number == 1:
                grant(ws, 20)
            else:
                spend(ws, 3)

    together(work)
    assert_clean(ws)


def test_a_read_beside_the_posting_of_an_expiry_never_sees_expired_credits(ws: int) -> None:
    for day in range(10):
        grant(ws, 50, expires=NOON + (day + 1) * DAY, now=NOON + day * DAY)
        at = NOON + (day + 1) * DAY

        def work(number: int, at: datetime = at) -> int:
            if number == 0:
                wallet_settle(workspace_id=ws, now=at)
            return balance(ws, at).available

        assert together(work) == [0] * THREADS
    assert_clean(ws)


def test_listeners_run_after_the_commit_and_may_open_the_book(ws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from billing.ledger import hooks

    seen: list[int] = []

    def listener(workspace_id: int) -> None:
        assert not connection.in_atomic_block
        with open_book(workspace_id) as book:
            seen.append(book.available)
            book.set_low_bound(5)

    monkeypatch.setattr(hooks, "credits_granted", [listener])
    grant(ws, 70)
    assert seen == [70]
    assert balance(ws).low_bound == 5


def test_a_failing_listener_changes_nothing(ws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from billing.ledger import hooks

    def listener(workspace_id: int) -> None:
        raise RuntimeError("not today")

    told: list[int] = []
    monkeypatch.setattr(hooks, "credits_granted", [listener, told.append])
    grant(ws, 70)
    assert balance(ws).available == 70
    assert told == [ws]
