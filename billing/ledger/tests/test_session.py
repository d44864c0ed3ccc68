"""Round trips of several statements: errors, transactions, prepared statements that psycopg threw away."""

import psycopg
import pytest
from django.db import IntegrityError, NotSupportedError, OperationalError, ProgrammingError, connection, transaction

from accounts.models import Workspace
from billing.ledger import store
from billing.ledger.book import open_book
from billing.ledger.roundtrip import run
from billing.ledger.selectors import balance
from billing.ledger.session import session
from billing.ledger.tests.helpers import assert_clean, draft, grant, spend

INSERT = "INSERT INTO ledger_wallet (workspace_id) VALUES (%s)"


def test_rows_come_back_by_statement(db: None) -> None:
    with session() as tx:
        rows = tx.run(
            ("SELECT 1, %s::text", ("a",)),
            ("SELECT generate_series(1, 3)", ()),
            ("SELECT 1 WHERE false", ()),
            ("SELECT 5 %% 3, %s::bigint[]", ([1, 2**40],)),
        )
        tx.finish()
    assert rows == [[(1, "a")], [(1,), (2,), (3,)], [], [(2, [1, 2**40])]]


def test_the_first_error_is_told_and_the_connection_stays_usable(db: None) -> None:
    for _ in range(3):
        with pytest.raises(ProgrammingError, match="nowhere"), session() as tx:
            tx.run(("SELECT 1", ()), ("SELECT * FROM nowhere", ()), ("SELECT 2", ()))
        with session() as tx:
            assert tx.run(("SELECT 1", ()), ("SELECT 2", ())) == [[(1,)], [(2,)]]
            tx.finish()


def test_a_statement_that_fails_while_another_is_new_is_prepared_again(db: None) -> None:
    for number in range(3):
        with pytest.raises(IntegrityError), session() as tx:
            tx.run((INSERT, (str(10**15),)), (f"SELECT {number % 2}, 'after'", ()))
        with session() as tx:
            assert tx.run((f"SELECT {number % 2}, 'after'", ()))[0][0][1] == "after"
            tx.finish()


def test_prepared_statements_survive_a_rolled_back_savepoint(ws: int) -> None:
    """psycopg then drops every prepared statement of the connection."""
    with session() as tx:
        tx.run(store.lock(ws), store.first_lots(ws))
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
                Workspace.objects.count()
                1 / 0  # noqa: B018
            assert tx.run(store.lock(ws), store.first_lots(ws)) == [[], []]
        tx.finish()


@pytest.mark.django_db(transaction=True)
def test_the_outermost_session_commits_and_leaves_the_connection_as_it_was(ws: int) -> None:
    grant(ws, 100)
    raw = connection.connection
    assert connection.get_autocommit()
    assert raw.autocommit
    assert run(raw, [("SELECT available FROM ledger_wallet", ())]) == [[(100,)]]
    with transaction.atomic():
        grant(ws, 100)
        transaction.set_rollback(True)
    assert run(raw, [("SELECT available FROM ledger_wallet", ())]) == [[(100,)]]


@pytest.mark.django_db(transaction=True)
def test_an_error_in_the_outermost_session_rolls_back(ws: int) -> None:
    with pytest.raises(ZeroDivisionError), session() as tx:  # noqa: PT012
        tx.run(store.create(ws))
        1 / 0  # noqa: B018
    assert run(connection.connection, [("SELECT count(*) FROM ledger_wallet", ())]) == [[(0,)]]
    with pytest.raises(IntegrityError), session() as tx:  # noqa: PT012
        tx.run(store.create(10**15))
        tx.finish()  # the foreign key is checked at COMMIT
    assert run(connection.connection, [("SELECT count(*) FROM ledger_wallet", ())]) == [[(0,)]]
    assert connection.get_autocommit()


@pytest.mark.django_db(transaction=True)
def test_a_block_that_an_inner_failure_spoiled_is_not_committed(ws: int) -> None:
    with pytest.raises(transaction.TransactionManagementError), session() as tx:  # noqa: PT012
        tx.run(store.create(ws))
        transaction.set_rollback(True)
        tx.finish()
    assert run(connection.connection, [("SELECT count(*) FROM ledger_wallet", ())]) == [[(0,)]]


def test_it_works_with_prepared_statements_switched_off(ws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.connection._prepared, "prepare_threshold", None)
    grant(ws, 100)
    spend(ws, 30)
    assert_clean(ws)
    assert run(connection.connection, [("SELECT %s::int", (7,)), ("SELECT 'x'", ())]) == [[(7,)], [("x",)]]


def test_a_value_that_cannot_be_sent_is_refused_before_anything_is(db: None) -> None:
    raw = connection.connection
    with pytest.raises(psycopg.ProgrammingError):
        run(raw, [("SELECT 1", ()), ("SELECT %s", (object(),))])
    assert run(raw, [("SELECT 1", ())]) == [[(1,)]]


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_an_error_once(ws: int) -> None:
    grant(ws, 100)
    with pytest.raises(OperationalError), open_book(ws) as book:  # noqa: PT012
        book.spend(operation=draft(), amount=1, occurred_at=book.now)
        pid = connection.connection.info.backend_pid
        with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
    spend(ws, 2)
    assert balance(ws).available == 98
    assert_clean(ws)


@pytest.mark.django_db(transaction=True)
def test_statements_that_a_migration_made_wrong_are_prepared_again() -> None:
    table = ("CREATE TEMP TABLE counted (a int)", "ALTER TABLE counted ALTER a TYPE bigint", "DROP TABLE counted")
    asked = ("SELECT a FROM counted", ())

    def ask() -> None:
        with session() as tx:
            tx.run(asked)
            tx.finish()

    with connection.cursor() as cursor:
        cursor.execute(table[0])
        ask()
        cursor.connection.pgconn.exec_(table[1].encode())  # unseen by psycopg, as another process's would be
        with pytest.raises(NotSupportedError):
            ask()
        ask()
        cursor.execute(table[2])
