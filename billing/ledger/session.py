"""One short transaction in as few round trips as possible.

The ledger is written with every request, so it speaks to psycopg directly: prepared statements with server-side
parameters, several per round trip. In the outermost transaction BEGIN travels with the first statements and COMMIT
with the last; inside another `atomic` block it is a savepoint like any other.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection, transaction

Statement = tuple[str, Sequence[Any]]
Rows = list[tuple[Any, ...]]


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
        raw = connection.connection
        with connection.wrap_database_errors:
            if len(statements) == 1:
                cursors = [_execute(raw, statements[0])]
            elif statements:
                cursors = _pipelined(raw, statements)
            else:
                return []
            return [cursor.fetchall() if cursor.description else [] for cursor in cursors]


def _execute(raw: Any, statement: Statement) -> psycopg.Cursor[Any]:
    sql, params = statement
    return psycopg.Cursor(raw).execute(sql, params or None, prepare=True)


def _pipelined(raw: Any, statements: Sequence[Statement]) -> list[psycopg.Cursor[Any]]:
    try:
        with raw.pipeline():
            return [_execute(raw, statement) for statement in statements]
    except psycopg.errors.PipelineAborted as aborted:
        # What the later statements say once an earlier one failed; the earlier error is the one to tell.
        if isinstance(aborted.__context__, psycopg.Error):
            raise aborted.__context__ from None
        raise


@contextmanager
def session() -> Iterator[Session]:
    """A transaction; rolled back when the block raises. Its owner calls `finish` as the last thing."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            # `atomic` leaves BEGIN to psycopg, which sends it on a round trip of its own. We send it ourselves.
            connection.connection.autocommit = True
        yield Session(outermost=outermost)
