"""Holding for characters, as an authorisation does."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from io import BytesIO

from django.db import connection

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger import store
from billing.ledger.book import open_book
from billing.ledger.proof.export import export
from billing.ledger.proof.verifier import Proof
from billing.ledger.records import OperationDraft
from billing.ledger.session import read
from billing.metering.allowances import Allowances, open_at
from billing.metering.settling import _placed

EACH = 8_000_000  # nano-credits of a character
METER = "input_characters"
_keys = itertools.count()


@contextmanager
def rewriting() -> Iterator[None]:
    """Events can be changed here, as only who owns the tables could. What raises is rolled back with the setting."""
    with connection.cursor() as cursor:
        cursor.execute("SET purser.ledger_rewrite = 'on'")
        yield
        cursor.execute("RESET purser.ledger_rewrite")


def remember(workspace: Workspace, hold: int) -> None:
    """As if this process had placed the hold."""
    (rows,) = read(store.holds(workspace.pk, [hold]))
    _placed.keep({(workspace.pk, hold): store.hold_state(rows[0])})


def proved(workspace: Workspace) -> None:
    """The workspace's proof of balance verifies; raises verifier.Refused else."""
    content = b"".join(export(workspace))
    Proof(BytesIO(content), BytesIO(content), []).verify()


def reserve(workspace: Workspace, count: int, *, minutes: int = 15) -> tuple[int, Decimal]:
    """Hold for `count` characters, as an authorisation does: the hold, and what it could reserve."""
    with open_book(workspace.pk, also=[open_at(workspace.pk, None, now=clock.now())]) as book:
        found = Allowances(book.extra[0], book=book)
        reserved = min(found.left(book.now).get(METER, Decimal(0)), Decimal(count))
        found.reserve(METER, reserved, book.now)
        hold = book.hold(
            operation=OperationDraft("hold", f"h{next(_keys)}", bytes(32), "hold.place"),
            amount=int(count - reserved) * EACH,
            expires_at=book.now + timedelta(minutes=minutes),
            origin="service",
        )
        for statement in found.reservation_writes(hold.id):
            book.also(*statement)
    return hold.id, reserved
