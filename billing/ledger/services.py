"""Writing services. Amounts are nano-credits; every one is idempotent by (workspace, namespace, key)."""

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.ledger.book import Book, open_book
from billing.ledger.records import GrantResult, LotState, OperationDraft

STEP = 1_000  # holds


def request_hash(content: dict[str, Any]) -> bytes:
    """What tells the same request from another one under the same key."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).digest()


def credits_grant(
    *,
    workspace_id: int,
    key: str,
    amount: int,
    source: str = "promotion",
    label: str,
    kind: str = "grant.operator",
    namespace: str = "operator",
    effective_at: datetime | None = None,
    expires_at: datetime | None = None,
    priority: int = 0,
    unit_price_usd: Decimal | None = None,
    actor: str = "",
    reason: str = "",
    now: datetime | None = None,
) -> GrantResult:
    """Bring in a lot of credits; debt is repaid from it first.

    Raises IdempotencyConflict, AmountOutOfRange, ValueError (it would expire before it starts).
    """
    label, actor, reason = cut(label, 120), cut(actor, 200), cut(reason, 500)
    content = {
        "amount": amount,
        "source": source,
        "label": label,
        "kind": kind,
        "effective_at": effective_at,
        "expires_at": expires_at,
        "priority": priority,
        "unit_price_usd": unit_price_usd,
    }
    operation = OperationDraft(namespace, key, request_hash(content), kind, actor=actor, reason=reason)
    with open_book(workspace_id, now=now) as book:
        if (stored := book.find(namespace, key, operation.request_hash)) is not None:
            return _replay(stored)
        debt = book.debt
        lot = book.grant(
            operation=operation,
            amount=amount,
            source=source,
            label=label,
            kind=kind,
            effective_at=effective_at,
            expires_at=expires_at,
            priority=priority,
            unit_price_usd=unit_price_usd,
        )
        return _result(book, operation, lot=lot, amount=amount, repaid=debt - book.debt)


def credits_adjust(
    *,
    workspace_id: int,
    key: str,
    amount: int,
    reason: str,
    actor: str,
    namespace: str = "operator",
    label: str = "Adjustment",
    now: datetime | None = None,
) -> GrantResult:
    """The operator's correction: a positive amount comes in, a negative one is taken in burn order.

    Raises InsufficientCredits beyond the balance, IdempotencyConflict, AmountOutOfRange, ValueError for 0.
    """
    if not amount:
        raise ValueError("an adjustment must be more or less than nothing")
    label, actor, reason = cut(label, 120), cut(actor, 200), cut(reason, 500)
    content = {"adjust": amount, "label": label, "reason": reason}
    operation = OperationDraft(namespace, key, request_hash(content), "adjust.operator", actor=actor, reason=reason)
    with open_book(workspace_id, now=now) as book:
        if (stored := book.find(namespace, key, operation.request_hash)) is not None:
            return _replay(stored)
        debt = book.debt
        lot = book.adjust(operation=operation, amount=amount, label=label)
        return _result(book, operation, lot=lot, amount=amount, repaid=debt - book.debt)


def overdraft_set(*, workspace_id: int, limit: int) -> None:
    """How far the plan lets authorisations go below zero."""
    with open_book(workspace_id) as book:
        if book.overdraft_limit != limit:
            book.set_overdraft_limit(limit)


def low_bound_set(*, workspace_id: int, bound: int) -> None:
    """Under which balance the workspace counts as low."""
    with open_book(workspace_id) as book:
        if book.low_bound != bound:
            book.set_low_bound(bound)


def wallet_settle(*, workspace_id: int, now: datetime | None = None) -> None:
    """Post what is due: lots that started or expired, holds whose time is over. Thousands of holds that end at once
    are posted in steps, between which others get the lock; whoever is among them posts the rest.
    """
    due = True
    while due:
        with open_book(workspace_id, now=now, most_due=STEP) as book:
            due = book.more_is_due


def _result(book: Book, operation: OperationDraft, *, lot: LotState | None, amount: int, repaid: int) -> GrantResult:
    result = GrantResult(lot.id if lot else None, amount, repaid, book.available, replay=False)
    operation.result = {"lot": result.lot_id, "amount": amount, "repaid": repaid, "balance": result.balance}
    return result


def cut(text: str, length: int) -> str:
    """`text` as its column takes it: an explanation that is too long, or has a NUL in it, must not undo a grant."""
    return text.replace("\x00", "")[:length]


def _replay(stored: dict[str, Any]) -> GrantResult:
    return GrantResult(stored["lot"], stored["amount"], stored["repaid"], stored["balance"], replay=True)
