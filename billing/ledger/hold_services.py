"""Releasing and extending holds; both idempotent. Placing one is `billing.usage`'s, settling `billing.metering`'s."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from billing.ledger.book import Book, open_book
from billing.ledger.errors import UnknownHold
from billing.ledger.records import HoldResult, HoldState, OperationDraft
from billing.ledger.services import cut, request_hash

NAMESPACE = "hold"


def hold_release(
    *,
    workspace_id: int,
    hold_id: int,
    origin: str | None,
    namespace: str = NAMESPACE,
    key: str = "",
    actor: str = "",
    reason: str = "",
    now: datetime | None = None,
) -> HoldResult:
    """Give back everything a hold set aside. Releasing it again, or under the same key, answers as the first time.

    `origin`: the class of key that asks; None for staff, who may release any. Raises UnknownHold, HoldResolved,
    IdempotencyConflict.
    """
    operation = OperationDraft(
        namespace if key else NAMESPACE,
        key or f"release:{hold_id}",
        request_hash({"release": hold_id}),
        "hold.release",
        actor=cut(actor, 200),
        reason=cut(reason, 500),
    )

    def post(book: Book, hold: HoldState) -> None:
        book.release(operation=operation, hold=hold)

    return _change(workspace_id, hold_id, origin, operation, post, now)


def hold_extend(
    *,
    workspace_id: int,
    hold_id: int,
    origin: str | None,
    expires_in: timedelta,
    namespace: str = NAMESPACE,
    key: str = "",
    now: datetime | None = None,
) -> HoldResult:
    """Let a hold live for `expires_in` from now on; it never becomes shorter.

    Raises UnknownHold, HoldResolved, HoldTooLong (24 hours in all), IdempotencyConflict.
    """
    operation = OperationDraft(
        namespace if key else NAMESPACE,
        key or f"extend:{hold_id}:{secrets.token_hex(8)}",
        request_hash({"extend": hold_id, "seconds": expires_in.total_seconds()}),
        "hold.extend",
    )

    def post(book: Book, hold: HoldState) -> None:
        book.extend(operation=operation, hold=hold, expires_at=book.now + expires_in)

    return _change(workspace_id, hold_id, origin, operation, post, now)


def _change(
    workspace_id: int,
    hold_id: int,
    origin: str | None,
    operation: OperationDraft,
    post: Callable[[Book, HoldState], None],
    now: datetime | None,
) -> HoldResult:
    with open_book(workspace_id, now=now, holds=[hold_id]) as book:
        hold = book.hold_of(hold_id)
        if hold is None or origin not in (None, hold.origin):
            raise UnknownHold(f"There is no hold {hold_id}.")
        stored = book.find(operation.namespace, operation.key, operation.request_hash)
        if stored is not None:
            return _result(stored, replay=True)
        post(book, hold)
        operation.result = {
            "hold": hold.id,
            "amount": hold.amount,
            "expires_at": hold.open_until.isoformat() if hold.open_until else None,
            "available": book.available,
            "held": book.held,
        }
        return _result(operation.result, replay=False)


def _result(told: dict[str, Any], *, replay: bool) -> HoldResult:
    return HoldResult(
        hold_id=told["hold"],
        amount=told["amount"],
        expires_at=datetime.fromisoformat(told["expires_at"]) if told["expires_at"] else None,
        available=told["available"],
        held=told["held"],
        replay=replay,
    )
