"""Writing services. Amounts are nano-credits; every one is idempotent by (workspace, namespace, key)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from billing.credits.units import AmountOutOfRange, in_range
from billing.ledger import store
from billing.ledger.accounts import LAPSE
from billing.ledger.book import Book, open_book
from billing.ledger.errors import LedgerError, NotGranted
from billing.ledger.many import open_books
from billing.ledger.records import GrantResult, LotState, OperationDraft
from billing.ledger.roundtrip import Rows, Statement

STEP = 1_000  # holds


def request_hash(content: dict[str, Any]) -> bytes:
    """What tells the same request from another one under the same key."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).digest()


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A lot that is to come in. `key` is once per workspace and namespace."""

    key: str
    amount: int
    source: str = "promotion"
    label: str
    kind: str = "grant.operator"
    namespace: str = "operator"
    effective_at: datetime | None = None
    expires_at: datetime | None = None
    priority: int = 0
    unit_price_usd: Decimal | None = None
    actor: str = ""
    reason: str = ""

    def post(self, book: Book) -> GrantResult:
        """Post it, or tell what it was when it was posted before. Raises as `credits_grant` does."""
        content = {
            "amount": self.amount,
            "source": self.source,
            "label": cut(self.label, 120),
            "kind": self.kind,
            "effective_at": self.effective_at,
            "expires_at": self.expires_at,
            "priority": self.priority,
            "unit_price_usd": self.unit_price_usd,
        }
        hashed, actor, reason = request_hash(content), cut(self.actor, 200), cut(self.reason, 500)
        operation = OperationDraft(self.namespace, self.key, hashed, self.kind, actor=actor, reason=reason)
        if (stored := book.find(self.namespace, self.key, hashed)) is not None:
            return _replay(stored)
        debt = book.debt
        lot = book.grant(
            operation=operation,
            amount=self.amount,
            source=self.source,
            label=cut(self.label, 120),
            kind=self.kind,
            effective_at=self.effective_at,
            expires_at=self.expires_at,
            priority=self.priority,
            unit_price_usd=self.unit_price_usd,
        )
        return _result(book, operation, lot=lot, amount=self.amount, repaid=debt - book.debt)


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
    grant = Grant(
        key=key,
        amount=amount,
        source=source,
        label=label,
        kind=kind,
        namespace=namespace,
        effective_at=effective_at,
        expires_at=expires_at,
        priority=priority,
        unit_price_usd=unit_price_usd,
        actor=actor,
        reason=reason,
    )
    with open_book(workspace_id, now=now) as book:
        return grant.post(book)


def credits_grant_many(grants: Mapping[int, Grant], *, now: datetime) -> dict[int, GrantResult]:
    """One grant for each of these workspaces, a few dozen at most, in one transaction: all of them or none, each once
    by its key. Raises NotGranted with the first that is refused.
    """
    results: dict[int, GrantResult] = {}
    with open_books(list(grants), now=now) as books:
        for book in books:
            try:
                results[book.workspace_id] = grants[book.workspace_id].post(book)
            except (LedgerError, AmountOutOfRange, ValueError) as error:
                raise NotGranted(book.workspace_id, error) from error
    return results


@dataclass(frozen=True, kw_only=True)
class Lapse:
    """Of what lots of `source` that started in [since, at) had at `at`, no more than `most` nano-credits stays; the
    rest lapses as of then, before their end, from the oldest on. What was used since, or is on hold, stays as it is.
    """

    key: str
    namespace: str
    source: str
    since: datetime
    at: datetime
    most: int
    reason: str
    actor: str = "system"

    def reading(self, workspace_id: int) -> Statement:
        """What `post` has to be given the rows of, read under the wallet's lock."""
        return store.left_at(workspace_id, self.source, self.since, self.at)

    def post(self, book: Book, left: Rows) -> int:
        """Post it once; what lapsed by it, now or before. Nothing is written where nothing lapses."""
        hashed = request_hash({"lapse": self.source, "since": self.since, "at": self.at, "most": self.most})
        if (stored := book.find(self.namespace, self.key, hashed)) is not None:
            return int(stored["lapsed"])
        operation = OperationDraft(
            self.namespace, self.key, hashed, LAPSE, actor=cut(self.actor, 200), reason=cut(self.reason, 500)
        )
        operation.result = {
            "lapsed": (lapsed := book.lapse(operation=operation, most=self.most, left=left, at=self.at))
        }
        return lapsed


def credits_lapse(*, workspace_id: int, lapse: Lapse, now: datetime | None = None) -> int:
    """Post a lapse, once; what lapsed (nano-credits). Raises IdempotencyConflict."""
    with open_book(workspace_id, now=now, also=[lapse.reading(workspace_id)]) as book:
        return lapse.post(book, book.extra[0])


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


def low_bounds_set(bounds: Mapping[int, int], *, now: datetime) -> None:
    """The same for many workspaces, in one transaction."""
    with open_books(list(bounds), now=now) as books:
        for book in books:
            if book.low_bound != bounds[book.workspace_id]:
                book.set_low_bound(bounds[book.workspace_id])


def topup_bound_set(*, workspace_id: int, bound: int) -> None:
    """Under which available + held - debt `hooks.topup_bound_crossed` is told; 0: never. Nano-credits."""
    in_range(bound)
    with open_book(workspace_id) as book:
        if book.topup_bound != bound:
            book.also(*store.topup_bound(workspace_id, bound))


def alert_bounds_set(bounds: Mapping[int, int | None]) -> list[int]:
    """Under which available + held - debt `hooks.alert_bound_crossed` is told, by workspace; None: never. Nano-credits.
    One statement for all, whose locks are taken in the order of the ids. The workspaces that are below theirs already,
    because they spent meanwhile: of them nothing will be told.
    """
    with connection.cursor() as cursor:
        cursor.execute(store.SET_ALERT_BOUNDS, [list(bounds), list(bounds.values())])
        return sorted(workspace_id for workspace_id, below in cursor.fetchall() if below)


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
