"""A book that goes on from where another one in this process left the wallet: in one round trip, or not at all."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger import left as leaving
from billing.ledger import roundtrip, store
from billing.ledger.book import Book, open_book, resume_book
from billing.ledger.errors import InsufficientCredits, MovedOn
from billing.ledger.left import FRESH, Left
from billing.ledger.models import Operation, Transfer, Wallet
from billing.ledger.selectors import balance
from billing.ledger.services import alert_bounds_set, low_bound_set, overdraft_set, topup_bound_set
from billing.ledger.session import read
from billing.ledger.tests.helpers import assert_clean, draft, extend, grant, place, release, spend

pytestmark = pytest.mark.django_db(transaction=True)
ALWAYS, NEVER = ("SELECT 1", ()), ("SELECT 1 WHERE false", ())


@pytest.fixture
def ws(transactional_db: None) -> int:
    """100 in two lots, of which one has 10."""
    workspace = Workspace.objects.create(name="Northwind AI").pk
    grant(workspace, 10, priority=-1)
    grant(workspace, 90)
    return workspace


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many statements each round trip of a book had."""
    counted: list[int] = []
    run = roundtrip.run

    def counting(raw: Any, statements: Any) -> Any:
        counted.append(len(statements))
        return run(raw, statements)

    monkeypatch.setattr(roundtrip, "run", counting)
    return counted


def hold(ws: int, amount: int = 40) -> tuple[int, Left]:
    """A hold that was placed just now, and what its book left."""
    with open_book(ws, leave=True) as book:
        until = book.now + timedelta(minutes=15)
        placed = book.hold(operation=draft(namespace="hold"), amount=amount, expires_at=until, origin="service")
    assert book.left is not None
    return placed.id, book.left


def settled(ws: int, pk: int, left: Left, amount: int = 25, *, given: Any = ALWAYS, absent: Any = NEVER) -> Book:
    now = left.now()
    assert now is not None
    with resume_book(ws, left, now, given=[given], absent=[absent]) as book:
        state = book.hold_of(pk)
        assert state is not None
        book.settle(operation=draft(), hold=state, amount=amount, occurred_at=book.now)
    return book


@pytest.mark.parametrize("amount", [0, 5, 25, 40, 60, 130])
def test_it_is_settled_in_one_round_trip_as_if_it_had_been_read(ws: int, trips: list[int], amount: int) -> None:
    pk, left = hold(ws)
    trips.clear()
    settled(ws, pk, left, amount)
    assert len(trips) == 1
    now = balance(ws)
    assert (now.available - now.debt, now.held) == (100 - amount, 0)
    assert_clean(ws)
    spend(ws, 1)
    assert_clean(ws)


def test_what_it_writes_is_what_a_book_that_reads_writes(ws: int) -> None:
    other = Workspace.objects.create(name="Other").pk
    grant(other, 10, priority=-1)
    grant(other, 90)
    pk, left = hold(ws)
    settled(ws, pk, left)
    pk, _ = hold(other)
    with open_book(other, holds=[pk]) as book:
        state = book.hold_of(pk)
        assert state is not None
        book.settle(operation=draft(), hold=state, amount=25, occurred_at=book.now)
    columns = ("seq", "kind", "debit", "credit", "amount", "balance_after", "operation__kind", "takes__amount")
    written = Transfer.objects.order_by("seq", "takes__position").values_list(*columns)
    assert list(written.filter(workspace=ws)) == list(written.filter(workspace=other))
    assert Transfer.objects.filter(workspace=ws).count() == 5


def budgets_changed(ws: int) -> None:
    with open_book(ws) as book:
        book.budgets_changed()


CHANGES: dict[str, Callable[[int, int], object]] = {
    "spend": lambda ws, _: spend(ws, 1),
    "grant": lambda ws, _: grant(ws, 1),
    "hold": lambda ws, _: place(ws, 1, now=clock.now()),
    "release": lambda ws, hold: release(ws, hold, now=clock.now()),
    "extend": lambda ws, hold: extend(ws, hold, seconds=3600, now=clock.now()),
    "overdraft": lambda ws, _: overdraft_set(workspace_id=ws, limit=7),
    "low": lambda ws, _: low_bound_set(workspace_id=ws, bound=7),
    "top-up": lambda ws, _: topup_bound_set(workspace_id=ws, bound=7),
    "alert": lambda ws, _: alert_bounds_set({ws: 7}),
    "budgets": lambda ws, _: budgets_changed(ws),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changed_the_wallet_since_nothing_is_written(ws: int, change: str) -> None:
    pk, left = hold(ws)
    CHANGES[change](ws, pk)
    before = Wallet.objects.values().get(), Operation.objects.count(), Transfer.objects.count()
    with pytest.raises(MovedOn):
        settled(ws, pk, left)
    assert (Wallet.objects.values().get(), Operation.objects.count(), Transfer.objects.count()) == before
    assert_clean(ws)
    spend(ws, 1)
    assert_clean(ws)


def test_without_the_comparison_the_books_do_not_add_up(ws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that the one above would notice."""
    compared = "AND xmin = %s::xid AND digest = %s"
    assert compared in store._LOCK_AS_LEFT
    loose = store._LOCK_AS_LEFT.replace(compared, "AND %s <> '' AND %s <> ''::bytea")
    monkeypatch.setattr(store, "_LOCK_AS_LEFT", loose)
    pk, left = hold(ws)
    overdraft_set(workspace_id=ws, limit=7)
    settled(ws, pk, left)
    assert Wallet.objects.get().overdraft_limit == 0  # what was set is lost


def test_it_is_resumed_once(ws: int) -> None:
    pk, left = hold(ws)
    again = replace(left, lots=[replace(lot) for lot in left.lots], holds=[replace(each) for each in left.holds])
    settled(ws, pk, left)
    with pytest.raises(MovedOn):
        settled(ws, pk, again)
    assert balance(ws).available == 75
    assert_clean(ws)


@pytest.mark.parametrize("wrong", [{"given": NEVER}, {"absent": ALWAYS}])
def test_what_it_depends_on_is_asked_under_the_lock(ws: int, wrong: dict[str, Any]) -> None:
    pk, left = hold(ws)
    with pytest.raises(MovedOn):
        settled(ws, pk, left, **wrong)
    assert (balance(ws).held, balance(ws).available) == (40, 60)
    assert_clean(ws)


@pytest.mark.parametrize("minutes", [-2, 2])
def test_the_time_is_held_against_the_databases_clock(ws: int, minutes: int) -> None:
    """As after the machine was suspended: its monotonic clock stood still."""
    pk, left = hold(ws)
    with pytest.raises(MovedOn):
        settled(ws, pk, replace(left, at=left.at + timedelta(minutes=minutes)))
    assert balance(ws).held == 40


def test_one_that_posts_nothing_is_compared_too(ws: int) -> None:
    _, left = hold(ws)
    now = left.now()
    assert now is not None
    spend(ws, 1)
    with pytest.raises(MovedOn), resume_book(ws, left, now, given=[ALWAYS], absent=[]) as book:
        assert book.available == 60  # what was there


def test_whoever_swallows_it_commits_nothing(ws: int) -> None:
    _, left = hold(ws)
    now = left.now()
    assert now is not None
    spend(ws, 1)
    with (
        pytest.raises(transaction.TransactionManagementError),
        resume_book(ws, left, now, given=[ALWAYS], absent=[]),
        suppress(MovedOn),
    ):
        Workspace.objects.count()
    assert balance(ws).available == 59
    assert_clean(ws)


def test_budgets_that_change_with_it_are_not_left(ws: int) -> None:
    with open_book(ws, leave=True) as book:
        book.spend(operation=draft(), amount=1, occurred_at=book.now)
        book.budgets_changed()
    assert book.left is None


def test_whoever_has_the_lock_is_not_waited_for(ws: int) -> None:
    pk, left = hold(ws)
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM ledger_wallet WHERE workspace_id = %s FOR NO KEY UPDATE", [ws])
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '10s'")
        with pytest.raises(MovedOn):
            settled(ws, pk, left)
    finally:
        other.close()
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")


def test_what_others_ask_meanwhile_is_asked_in_the_same_transaction(ws: int, trips: list[int]) -> None:
    pk, left = hold(ws)
    now = left.now()
    assert now is not None
    trips.clear()
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        resume_book(ws, left, now, given=[ALWAYS], absent=[NEVER]) as book,
    ):
        Workspace.objects.create(name="Made meanwhile")
        assert trips == [3]  # BEGIN, the lock, what it depends on
        assert read(("SELECT txid_current_if_assigned() IS NOT NULL", ())) == [[(True,)]]
        state = book.hold_of(pk)
        assert state is not None
        book.settle(operation=draft(), hold=state, amount=1, occurred_at=book.now)
        1 / 0  # noqa: B018
    assert not Workspace.objects.filter(name="Made meanwhile").exists()
    assert balance(ws).held == 40


def test_nothing_is_made_once_it_turned_out_to_have_moved_on(ws: int) -> None:
    _, left = hold(ws)
    now = left.now()
    assert now is not None
    spend(ws, 1)
    with pytest.raises(MovedOn), resume_book(ws, left, now, given=[], absent=[]):
        Workspace.objects.create(name="Made meanwhile")
    assert not Workspace.objects.filter(name="Made meanwhile").exists()
    with pytest.raises(MovedOn), resume_book(ws, left, now, given=[], absent=[]):
        read(ALWAYS)
    Workspace.objects.create(name="Made later")  # nothing of it stays behind


def test_inside_another_transaction_it_is_a_part_of_it(ws: int) -> None:
    pk, left = hold(ws)
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
        settled(ws, pk, replace(left, holds=[replace(each) for each in left.holds]))
        1 / 0  # noqa: B018
    assert balance(ws).held == 40
    assert_clean(ws)
    with transaction.atomic():
        spend(ws, 1)
        with pytest.raises(MovedOn):
            settled(ws, pk, left)
        spend(ws, 1)
    assert (balance(ws).held, balance(ws).available) == (40, 58)
    assert_clean(ws)


def test_what_falls_due_meanwhile_is_posted(ws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_book(ws, leave=True) as book:
        until = book.now + timedelta(seconds=30)
        placed = book.hold(operation=draft(namespace="hold"), amount=40, expires_at=until, origin="service")
    left = book.left
    assert left is not None
    monkeypatch.setattr(leaving, "monotonic", lambda: left.since + 31)
    now = left.now()
    assert now is not None
    with resume_book(ws, left, now, given=[ALWAYS], absent=[NEVER]) as book:
        state = book.hold_of(placed.id)
        assert state is not None
        assert state.resolution == "expire"
    assert (balance(ws).held, balance(ws).available) == (0, 100)
    assert_clean(ws)


def test_it_is_not_resumed_by_an_old_clock_or_a_set_one(ws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _, left = hold(ws)
    with clock.at(clock.now()):
        assert left.now() is None
    monkeypatch.setattr(leaving, "monotonic", lambda: left.since + FRESH + 1)
    assert left.now() is None


def test_nothing_is_left_where_it_could_not_be_resumed(ws: int) -> None:
    with open_book(ws, leave=True, now=clock.now()) as book:
        book.spend(operation=draft(), amount=1, occurred_at=book.now)
    assert book.left is None
    with clock.at(clock.now()), open_book(ws, leave=True) as book:
        book.spend(operation=draft(), amount=1, occurred_at=book.now)
    assert book.left is None
    with transaction.atomic(), open_book(ws, leave=True) as book:
        book.spend(operation=draft(), amount=1, occurred_at=book.now)
    assert book.left is None
    with pytest.raises(InsufficientCredits), open_book(ws, leave=True) as book:
        book.pay(operation=draft(), amount=1000, kind="addon.spend")
    assert book.left is None


def test_more_lots_than_are_read_at_once(ws: int) -> None:
    for _ in range(2 * store.FIRST_LOTS):
        grant(ws, 10)
    pk, left = hold(ws, 95)
    assert left.some_lots_unread
    settled(ws, pk, left, 330)
    assert balance(ws).available == 10
    assert_clean(ws)


def prepared() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements")
        return {name for (name,) in cursor.fetchall()}


def test_attempts_in_vain_leave_no_prepared_statements_behind(ws: int) -> None:
    def in_vain() -> None:
        pk, left = hold(ws, 1)
        spend(ws, 1)
        with pytest.raises(MovedOn):
            settled(ws, pk, left)

    connection.close()
    in_vain()
    before = prepared()
    in_vain()
    assert prepared() == before


def test_a_refusal_keeps_the_prepared_statements(ws: int) -> None:
    spend(ws, 1)
    before = prepared()
    assert len(before) >= 4
    for _ in range(2):
        with pytest.raises(InsufficientCredits), open_book(ws) as book:
            book.pay(operation=draft(), amount=1000, kind="addon.spend")
        pk, left = hold(ws, 1)
        spend(ws, 1)
        with pytest.raises(MovedOn):
            settled(ws, pk, left)
    assert before <= prepared()
    assert_clean(ws)
