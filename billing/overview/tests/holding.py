"""Holds for the tests of the pages, placed and settled in the ledger itself."""

import itertools
from datetime import timedelta

from accounts.models import Workspace
from billing.ledger.book import open_book
from billing.ledger.records import HoldState, OperationDraft

_keys = itertools.count()
LABEL = "openai/gpt-4o-mini, chat"


def draft(kind: str) -> OperationDraft:
    return OperationDraft("test", f"holding-{next(_keys)}", bytes(32), kind)


def place(workspace: Workspace, amount: int, *, minutes: int = 15, label: str = LABEL) -> int:
    """A hold of `amount` nano-credits; its primary key."""
    with open_book(workspace.pk) as book:
        until = book.now + timedelta(minutes=minutes)
        placed: HoldState = book.hold(
            operation=draft("hold.place"), amount=amount, expires_at=until, origin="service", label=label
        )
    return placed.id


def settle(workspace: Workspace, pk: int, amount: int) -> None:
    with open_book(workspace.pk, holds=[pk]) as book:
        hold = book.hold_of(pk)
        assert hold is not None
        book.settle(operation=draft("usage.spend"), hold=hold, amount=amount, occurred_at=book.now)
