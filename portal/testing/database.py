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


# Rows that were deleted stay in a table's files for a while, and every look at the table reads them.
MANY = 32 * 8192  # bytes
WRITTEN = """
SELECT name, size > %s FROM unnest(%s::text[]) name, pg_relation_size(name::regclass) size WHERE size > 0
"""
# All rows go, so nothing has to be asked whether others refer to it; only a superuser may leave that out.
UNASKED = """
SELECT set_config('purser.ledger_rewrite', 'on', true),
       CASE WHEN current_setting('is_superuser') = 'on' THEN set_config('session_replication_role', 'replica', true) END
"""
# Whatever a test may have left in the session.
NOTHING_LEFT = "RESET ALL; UNLISTEN *; DISCARD TEMP; SELECT pg_advisory_unlock_all()"


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
        self._tables = [connection.ops.quote_name(name) for name in sorted(names)]
        with connection.cursor() as cursor:
            self._rows = {table: rows for table in self._tables if (rows := _rows(cursor, table))}

    def restore(self) -> None:
        """What was never written to has no file to look into; what is as it was at birth is left as it is."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(UNASKED)
            cursor.execute(WRITTEN, [MANY, self._tables])
            written = dict(cursor.fetchall())
            if large := [table for table, is_large in written.items() if is_large]:
                cursor.execute(f"TRUNCATE {', '.join(large)} CASCADE")
            changed = [table for table, rows in self._rows.items() if _rows(cursor, table) != rows]
            emptied = (written.keys() - set(large) - self._rows.keys()) | set(changed)
            if emptied:
                cursor.execute("; ".join(f"DELETE FROM {table}" for table in emptied))
            for table in changed:
                with cursor.copy(f"COPY {table} FROM STDIN") as into:
                    into.write(self._rows[table])


def _rows(cursor: Any, table: str) -> bytes:
    with cursor.copy(f"COPY {table} TO STDOUT") as out:
        return b"".join(bytes(part) for part in out)


def as_new() -> None:
    """A connection as it was when it was made, but for what the server has learnt of the tables and keeps for it: for a
    new one it learns that again, with every test.
    """
    if connection.in_atomic_block or not connection.is_usable():
        connection.close()
        return
    with connection.cursor() as cursor:
        cursor.execute(NOTHING_LEFT)
    connection.init_connection_state()


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
    new = NewDatabase()

    def remember(cls: Any) -> None:
        theirs["_fixture_setup"].__func__(cls)
        new.remember()

    def restore(_case: Any) -> None:
        new.restore()
        as_new()

    ours = {
        "_fixture_setup": classmethod(remember),
        "_fixture_teardown": restore,
        "_should_reload_connections": lambda _case: False,
    }
    theirs = {name: case.__dict__[name] for name in ours}
    for name, method in ours.items():
        setattr(case, name, method)
    yield
    for name, method in theirs.items():
        setattr(case, name, method)


@pytest.fixture(autouse=True)
def fresh_caches() -> None:
    """What a process keeps must not travel from test to test."""
    clear_all()
    forget_days()
