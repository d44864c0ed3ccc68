"""One short transaction in as few round trips as possible.

The ledger is written with every request, so it sends prepared statements, several per round trip. In the outermost
transaction BEGIN travels with the first statements and COMMIT with the last; inside another `atomic` block it is a
savepoint like any other.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, Error, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from billing.ledger import roundtrip
from billing.ledger.roundtrip import Rows, Statement


class Session:
    """Runs statements on the current connection inside the transaction opened by `session`."""

    def __init__(self, current: BaseDatabaseWrapper, *, outermost: bool) -> None:
        self._connection = current
        self._outermost = outermost
        self._begun = not outermost

    def run(self, *statements: Statement) -> list[Rows]:
        """Execute in order, in one round trip; the rows of each (none for statements that return none)."""
        if not self._begun:
            self._begun = True
            return self._send([("BEGIN", ()), *statements])[1:]
        return self._send(statements)

    def finish(self, *statements: Statement) -> None:
        """Execute and, when this is the outermost transaction, commit in the same round trip."""
        if not self._outermost:
            self._send(statements)
            return
        if self._connection.needs_rollback:
            raise transaction.TransactionManagementError("an inner block failed; the ledger was not written")
        if self._begun:
            self._send([*statements, ("COMMIT", ())])

    def _send(self, statements: Sequence[Statement]) -> list[Rows]:
        if not statements:
            return []
        with self._connection.wrap_database_errors:
            return roundtrip.run(self._connection.connection, statements)


@contextmanager
def session() -> Iterator[Session]:
    """A transaction; rolled back when the block raises. Its owner calls `finish` as the last thing."""
    current = connections[DEFAULT_DB_ALIAS]
    if current.in_atomic_block:
        with transaction.atomic():
            yield Session(current, outermost=False)
        return
    with _outermost(current):
        yield Session(current, outermost=True)


@contextmanager
def _outermost(current: BaseDatabaseWrapper) -> Iterator[None]:
    """`transaction.atomic()` as far as the rest of Django can tell, for a Session that sends BEGIN and COMMIT itself.

    Django would switch psycopg's autocommit off and on again and commit once more, for a tenth of recording an event.
    """
    current.close_if_health_check_failed()
    current.ensure_connection()
    if not current.get_autocommit():
        raise transaction.TransactionManagementError("the ledger needs a connection in autocommit mode")
    current.commit_on_exit, current.needs_rollback = True, False
    current.in_atomic_block, current.autocommit = True, False
    try:
        yield
    except BaseException:
        _over(current)
        _undo(current)
        raise
    _over(current)
    if current.needs_rollback or current.connection is None:
        _undo(current)
        return
    current.errors_occurred = False
    current.run_and_clear_commit_hooks()


def _over(current: BaseDatabaseWrapper) -> None:
    current.in_atomic_block, current.autocommit = False, True
    if current.closed_in_transaction:  # somebody closed it inside
        current.connection = None


def _undo(current: BaseDatabaseWrapper) -> None:
    current.run_on_commit = []
    if current.connection is None:
        return
    try:
        current.rollback()
    except Error:
        current.close()


def read(*statements: Statement) -> list[Rows]:
    """The rows of each of these prepared statements, which only read. One round trip; nothing stays open after it."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return roundtrip.run(connection.connection, statements)
