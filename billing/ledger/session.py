"""One short transaction in as few round trips as possible.

The ledger is written with every request, so it sends prepared statements, several per round trip. In the outermost
transaction BEGIN travels with the first statements and COMMIT with the last; inside another `atomic` block it is a
savepoint like any other.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, transaction

from billing.ledger import roundtrip
from billing.ledger.roundtrip import Rows, Statement


class Session:
    """Runs statements on the current connection inside the transaction opened by `session`."""

    def __init__(self, *, outermost: bool) -> None:
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
        if connection.needs_rollback:
            raise transaction.TransactionManagementError("an inner block failed; the ledger was not written")
        if self._begun:
            self._send([*statements, ("COMMIT", ())])

    def _send(self, statements: Sequence[Statement]) -> list[Rows]:
        if not statements:
            return []
        with connection.wrap_database_errors:
            return roundtrip.run(connection.connection, statements)


@contextmanager
def session() -> Iterator[Session]:
    """A transaction; rolled back when the block raises. Its owner calls `finish` as the last thing."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            # `atomic` leaves BEGIN to psycopg, which sends it on a round trip of its own. We send it ourselves.
            connection.connection.autocommit = True
        yield Session(outermost=outermost)


def read(*statements: Statement) -> list[Rows]:
    """The rows of each of these prepared statements, which only read. One round trip; nothing stays open after it."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return roundtrip.run(connection.connection, statements)
