"""Between two tests: the database is emptied although it refuses to be, and processes forget what they kept."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase
from pytest_django.plugin import DjangoDbBlocker

from billing.foundation.cache import clear_all
from billing.metering.selectors.kept import forget_days

# They describe the code, and no test writes them.
LEFT_ALONE = {"django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}


LARGE = "SELECT name FROM unnest(%s::text[]) name WHERE pg_relation_size(name::regclass) > %s"
# Rows that were deleted stay in a table's files for a while, and every look at the table reads them.
MANY = 32 * 8192  # bytes


class NewDatabase:
    """The rows that a database is born with."""

    def __init__(self) -> None:
        self._tables: list[str] = []
        self._rows: dict[str, bytes] = {}  # by table, as COPY writes them

    def remember(self) -> None:
        """Before the first test that commits."""
        if self._tables:
            return
        names = set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - LEFT_ALONE
        tables = [connection.ops.quote_name(name) for name in sorted(names)]
        self._tables = tables
        with connection.cursor() as cursor:
            for table in tables:
                with cursor.copy(f"COPY {table} TO STDOUT") as out:
                    if rows := b"".join(bytes(part) for part in out):
                        self._rows[table] = rows

    def restore(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL purser.ledger_rewrite = 'on'")
            cursor.execute(LARGE, [self._tables, MANY])
            if large := [table for (table,) in cursor.fetchall()]:
                cursor.execute(f"TRUNCATE {', '.join(large)} CASCADE")
            cursor.execute("; ".join(f"DELETE FROM {table}" for table in self._tables if table not in large))
            for table, rows in self._rows.items():
                with cursor.copy(f"COPY {table} FROM STDIN") as into:
                    into.write(rows)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Autovacuum stays away: it would find tables that were just emptied and note that they hold no rows, after which
    the planner goes through thousands of rows as if there were one.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in connection.introspection.django_table_names(only_existing=True, include_views=False):
            name = connection.ops.quote_name(table)
            cursor.execute(f"ALTER TABLE {name} SET (autovacuum_enabled = off, toast.autovacuum_enabled = off)")


@pytest.fixture(scope="session", autouse=True)
def committed_rows_are_removed() -> Iterator[None]:
    """Django would truncate all tables and make content types and permissions anew, which takes longer than most tests
    do.
    """
    case: Any = TransactionTestCase
    set_up, tear_down = case.__dict__["_fixture_setup"], case.__dict__["_fixture_teardown"]
    new = NewDatabase()

    def remember(cls: Any) -> None:
        set_up.__func__(cls)
        new.remember()

    case._fixture_setup = classmethod(remember)
    case._fixture_teardown = lambda _self: new.restore()
    yield
    case._fixture_setup, case._fixture_teardown = set_up, tear_down


@pytest.fixture(autouse=True)
def fresh_caches() -> None:
    """What a process keeps must not travel from test to test."""
    clear_all()
    forget_days()
