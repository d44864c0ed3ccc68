"""Many books at once, for what the clock brings to thousands of workspaces: locked in one round trip and written in
one. Each wallet keeps its rules, its own lock and its own chain; what is saved is the way to the database.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from billing.ledger import store
from billing.ledger.book import Book, claim
from billing.ledger.roundtrip import Rows, Statement
from billing.ledger.session import Session, session

# Per book; it asks for more where it needs them. A new period ends a lot, lets another lapse, and brings one in.
OPERATIONS, LOTS = 3, 1

Also = Callable[[int], Sequence[Statement]]


def _nothing(_workspace_id: int) -> Sequence[Statement]:
    return ()


@contextmanager
def open_books(workspace_ids: Sequence[int], *, now: datetime, also: Also = _nothing) -> Iterator[list[Book]]:
    """The books of these workspaces in one transaction, in the order of their ids, with what is due posted.

    `also` gives each its own reading statements; their rows are in `book.extra`. All wallets stay locked to the end:
    few dozens at a time, so that no request waits long. Nobody else may lock several wallets in another order.
    """
    ids = sorted(set(workspace_ids))
    with session() as tx:
        busy = claim(*ids)
        try:
            books = _load(tx, ids, now, also)
            for book in books:
                book.post_due()
            yield books
            tx.finish(*(statement for book in books for statement in book.closing()))
        finally:  # before the end of the transaction, as `open_book` does
            busy.difference_update(ids)


def _load(tx: Session, ids: Sequence[int], now: datetime, also: Also) -> list[Book]:
    wallets = tx.run(*map(store.lock, ids))
    if not all(wallets):
        tx.run(*map(store.create, ids))
        wallets = tx.run(*map(store.lock, ids))
    # In a round trip of their own: what is read must be read after every lock was granted.
    asked = [_reading(workspace_id, now, also) for workspace_id in ids]
    counts = (store.operation_ids((OPERATIONS - 1) * len(ids)), store.lot_ids(LOTS * len(ids)))
    *rows, operations, lots = tx.run(*(statement for each in asked for statement in each), *counts)
    books, place = [], 0
    for workspace_id, ((*wallet, _),), each in zip(ids, wallets, asked, strict=True):
        mine, place = rows[place : place + len(each)], place + len(each)
        book = _book(tx, workspace_id, wallet, mine, now)
        book.take_ids(_some(operations, OPERATIONS - 1), _some(lots, LOTS))
        books.append(book)
    return books


def _reading(workspace_id: int, now: datetime, also: Also) -> list[Statement]:
    everything = (store.all_lots(workspace_id), store.due_holds(workspace_id, now))
    return [*everything, store.next_expiry(workspace_id, now, ()), *also(workspace_id)]


def _book(tx: Session, workspace_id: int, wallet: Sequence[object], rows: Sequence[Rows], now: datetime) -> Book:
    lots, holds, ((expiry,),), *extra = rows
    states = map(store.hold_state, holds)
    known = map(store.lot_state, lots)
    book = Book(session=tx, workspace_id=workspace_id, wallet=wallet, lots=known, holds=states, now=now)
    book.all_was_read(expiry)
    book.extra = extra
    return book


def _some(rows: Rows, count: int) -> list[int]:
    """The first ids, taken away from `rows`."""
    found = [int(pk) for (pk,) in rows[:count]]
    del rows[:count]
    return found
