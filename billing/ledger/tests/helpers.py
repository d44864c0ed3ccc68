"""Short words for the ledger's tests."""

import itertools
from datetime import UTC, datetime, timedelta

from billing.ledger.book import open_book
from billing.ledger.hold_services import hold_extend, hold_release
from billing.ledger.records import HoldResult, OperationDraft, SpendResult
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


def place(ws: int, amount: int, *, seconds: int = 900, now: datetime = NOON, origin: str = "service") -> int:
    """A new hold; its primary key."""
    with open_book(ws, now=now) as book:
        operation = OperationDraft("hold", f"h{next(_keys)}", bytes(32), "hold.place")
        until = book.now + timedelta(seconds=seconds)
        return book.hold(operation=operation, amount=amount, expires_at=until, origin=origin).id


def settle(ws: int, hold: int, amount: int, *, now: datetime = NOON) -> SpendResult:
    with open_book(ws, now=now, holds=[hold]) as book:
        state = book.hold_of(hold)
        assert state is not None
        return book.settle(operation=draft(), hold=state, amount=amount, occurred_at=book.now)


def release(ws: int, hold: int, *, now: datetime = NOON) -> HoldResult:
    return hold_release(workspace_id=ws, hold_id=hold, origin="service", now=now)


def extend(ws: int, hold: int, *, seconds: int, now: datetime = NOON) -> HoldResult:
    expires_in = timedelta(seconds=seconds)
    return hold_extend(workspace_id=ws, hold_id=hold, origin="service", expires_in=expires_in, now=now)
