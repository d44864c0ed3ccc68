"""Short words for the ledger's tests."""

import itertools
from datetime import UTC, datetime, timedelta

from billing.ledger.book import open_book
from billing.ledger.records import OperationDraft, SpendResult
from billing.ledger.services import credits_grant
from billing.ledger.verify import verify

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
_keys = itertools.count()


def draft(key: str = "", namespace: str = "usage") -> OperationDraft:
    return OperationDraft(namespace, key or f"k{next(_keys)}", bytes(32), "usage.spend")


def spend(ws: int, amount: int, *, now: datetime | None = None, key: str = "") -> SpendResult:
    with open_book(ws, now=now) as book:
        return book.spend(operation=draft(key), amount=amount, occurred_at=book.now)


def grant(
    ws: int,
    amount: int,
    *,
    now: datetime | None = None,
    starts: datetime | None = None,
    expires: datetime | None = None,
    source: str = "promotion",
    priority: int = 0,
) -> int:
    """A new lot; its id."""
    result = credits_grant(
        workspace_id=ws,
        key=f"g{next(_keys)}",
        amount=amount,
        label="Gift",
        source=source,
        effective_at=starts,
        expires_at=expires,
        priority=priority,
        now=now,
    )
    assert result.lot_id is not None
    return result.lot_id


def assert_clean(ws: int) -> None:
    assert verify(workspace_id=ws).problems == []
