"""The database refuses to rewrite history."""

import pytest
from django.db import IntegrityError, connection, transaction


def run(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_operation SET reason = 'x'",
        "UPDATE ledger_transfer SET amount = amount + 1",
        "UPDATE ledger_lottake SET amount = amount + 1",
        "UPDATE ledger_lot SET amount = amount + 1",
        "UPDATE ledger_lot SET expires_at = NULL",
        "DELETE FROM ledger_operation",
        "DELETE FROM ledger_transfer",
        "DELETE FROM ledger_lottake",
        "DELETE FROM ledger_lot",
        "DELETE FROM ledger_wallet",
        "TRUNCATE ledger_operation CASCADE",
        "TRUNCATE ledger_transfer CASCADE",
        "TRUNCATE ledger_lottake",
        "TRUNCATE ledger_lot CASCADE",
        "TRUNCATE ledger_wallet",
    ],
)
def test_rewriting_by_sql_is_refused(db: None, sql: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        run(sql)


def test_emptying_workspaces_with_all_they_have_is_refused(db: None) -> None:
    """By the first of the tables that are kept."""
    with pytest.raises(IntegrityError, match=r"(append-only|is kept): TRUNCATE of \w+ is refused"):
        run("TRUNCATE accounts_workspace CASCADE")


@pytest.mark.django_db(transaction=True)
def test_a_transactional_test_is_cleaned_up() -> None:
    """Its teardown truncates every table: the fixture of the whole suite allows that in a test database only."""
