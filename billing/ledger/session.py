"""One short transaction in as few round trips as possible.

The ledger is written with every request, so it sends prepared statements, several per round trip. In the outermost
transaction BEGIN travels with the first statements and COMMIT with the last; inside another `atomic` block it is a
savepoint like any other.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, Error, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from billing.ledger import roundtrip
from billing.ledger.errors import MovedOn
from billing.ledger.roundtrip import Rows, Statement

AS_LEFT = "PURSR"  # what the function ledger_as_left raises
_BEGIN: Statement = ("BEGIN", ())
_COMMIT: Statement = ("COMMIT", ())

_resumed = threading.local()  # its session: sends what it opens with when somebody of this thread asks anything


class Session:
    """Runs statements on the current connection inside the transaction opened by `session`."""

    def __init__(self, current: BaseDatabaseWrapper, *, outermost: bool, opening: Sequence[Statement] = ()) -> None:
        self._connection = current
        self.outermost = outermost
        self._opening = [*([_BEGIN] if outermost else []), *opening]  # until it was sent
        self._must_open = bool(opening)

    def run(self, *statements: Statement) -> list[Rows]:
        """Execute in order, in one round trip; the rows of each (none for statements that return none).

        Raises MovedOn where what the session opens with says so; nothing was executed then.
        """
        opening = self._opening
        if not opening:
            return self._send(statements)
        self._opening = []
        try:
            return self._send([*opening, *statements])[len(opening) :]
        except DatabaseError as error:
            if getattr(error.__cause__, "sqlstate", "") == AS_LEFT:
                self._connection.needs_rollback = True  # whoever swallows it commits nothing
                raise MovedOn(str(error)) from error
            raise

    def finish(self, *statements: Statement) -> None:
        """Execute and, when this is the outermost transaction, commit in the same round trip."""
        if not self.outermost:
            self.run(*statements)
            return
        if self._connection.needs_rollback:
            raise transaction.TransactionManagementError("an inner block failed; the ledger was not written")
        if statements or self._must_open or not self._opening:
            self.run(*statements, _COMMIT)

    def _send(self, statements: Sequence[Statement]) -> list[Rows]:
        if not statements:
            return []
        with self._connection.wrap_database_errors:
            return roundtrip.run(self._connection.connection, statements)


@contextmanager
def session() -> Iterator[Session]:
    """A transaction; rolled back when the block raises. Its owner calls `finish` as the last thing."""
    with _session(()) as tx:
        yield tx


@contextmanager
def resumed_session(opening: Sequence[Statement]) -> Iterator[Session]:
    """A `session` that opens with these statements, in the round trip of whatever is sent first: by itself, or by
    others in this thread, through Django or `read`, but not past both. They return nothing and fail with AS_LEFT.
    """
    with _session(opening) as tx:

        def opened(execute: Callable[..., Any], *arguments: Any) -> Any:
            tx.run()
            return execute(*arguments)

        _resumed.session = tx
        try:
            with connections[DEFAULT_DB_ALIAS].execute_wrapper(opened):
                yield tx
        finally:
            _resumed.session = None


@contextmanager
def _session(opening: Sequence[Statement]) -> Iterator[Session]:
    current = connections[DEFAULT_DB_ALIAS]
    if current.in_atomic_block:
        with transaction.atomic():
            yield Session(current, outermost=False, opening=opening)
        return
    with _outermost(current):
        yield Session(current, outermost=True, opening=opening)


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
    except BaseException as error:
        _over(current)
        _undo(current, harmless=isinstance(error, MovedOn))
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


def _undo(current: BaseDatabaseWrapper, *, harmless: bool = False) -> None:
    """Roll back. `harmless`: what failed does not put the prepared statements in doubt."""
    current.run_on_commit = []
    if current.connection is None:
        return
    try:
        with current.wrap_database_errors:
            if harmless or not roundtrip.has_failed(current.connection):
                roundtrip.roll_back(current.connection)
        current.rollback()  # of what is left of it
    except Error:
        current.close()


def read(*statements: Statement) -> list[Rows]:
    """The rows of each of these prepared statements, which only read. One round trip; nothing stays open after it."""
    if (resumed := getattr(_resumed, "session", None)) is not None:
        resumed.run()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return roundtrip.run(connection.connection, statements)
