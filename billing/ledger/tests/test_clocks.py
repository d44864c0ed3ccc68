"""A machine whose clock is wrong must not date anything for the others."""

import logging
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from billing.credits import clock
from billing.foundation import hostclock
from billing.foundation.due.registry import run_due
from billing.ledger import store
from billing.ledger.book import open_book
from billing.ledger.models import Transfer, Wallet
from billing.ledger.selectors import balance
from billing.ledger.session import session
from billing.ledger.tests.helpers import DAY, assert_clean, draft, grant, spend
from billing.ledger.tests.test_races import together


@pytest.fixture
def not_told_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostclock, "_told_at", -1e9)


def set_clock(monkeypatch: pytest.MonkeyPatch, wrong_by: timedelta) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + wrong_by)


@pytest.mark.parametrize("wrong_by", [5 * DAY, -5 * DAY, timedelta(seconds=70)])
def test_a_wrong_clock_stamps_nothing(
    ws: int,
    wrong_by: timedelta,
    not_told_yet: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    grant(ws, 100, expires=datetime.now(UTC) + 2 * DAY)
    before = datetime.now(UTC)
    with monkeypatch.context() as there, caplog.at_level(logging.CRITICAL):
        set_clock(there, wrong_by)
        assert spend(ws, 10).covered == 10
        spend(ws, 10)
        [run] = run_due(only="expire_lots")
        assert run.error == ""
    last = Wallet.objects.get(pk=ws).last_at
    assert last is not None
    assert before <= last <= datetime.now(UTC)
    assert balance(ws).available == 80
    assert not Transfer.objects.filter(kind="lot.expire").exists()
    assert len([record for record in caplog.records if "clock of this machine" in record.message]) == 1
    assert_clean(ws)


def test_a_small_difference_is_left_alone(ws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as there:
        set_clock(there, timedelta(seconds=30))
        with open_book(ws) as book:
            assert book.now > datetime.now(UTC) + timedelta(seconds=20)


def test_a_time_that_was_set_is_history(ws: int) -> None:
    then = datetime(2020, 2, 29, 12, tzinfo=UTC)
    with clock.at(then), open_book(ws) as book:
        assert book.now == then
        book.spend(operation=draft(), amount=1, occurred_at=then)
    with open_book(ws, now=then + DAY) as book:
        assert book.now == then + DAY


@pytest.mark.django_db(transaction=True)
def test_the_time_is_read_once_the_lock_is_held(ws: int) -> None:
    with open_book(ws):
        pass
    held: list[float] = []

    def work(number: int) -> tuple[datetime, datetime]:
        with session() as tx:
            locked_at = tx.run(store.lock(ws))[0][0][-1]
            time.sleep(0.05)
            held.append(number)
            left_at = datetime.now(UTC)
            tx.finish()
        return locked_at, left_at

    turns = sorted(together(work))
    assert len(held) == len(turns) == 8
    for (_, left_at), (locked_at, _) in pairwise(turns):
        assert locked_at > left_at
