"""Taking back: refunds of lots, and reversals of grants, adjustments and refunds. Amounts are nano-credits.

Charges for usage are reversed event by event, in `billing.metering`.
"""

from datetime import datetime
from typing import Any

from billing.ledger.accounts import ADJUSTED, ISSUED
from billing.ledger.book import Book, open_book
from billing.ledger.corrections import Brought
from billing.ledger.errors import NotReversible
from billing.ledger.models import Lot, Operation
from billing.ledger.records import OperationDraft, RefundResult
from billing.ledger.services import cut, request_hash


def lot_refund(
    *,
    workspace_id: int,
    lot_id: int,
    amount: int,
    key: str,
    reason: str,
    actor: str,
    namespace: str = "operator",
    now: datetime | None = None,
) -> RefundResult:
    """Take `amount` of a lot back because its money was paid back (a refund, a lost dispute).

    What of it is spent or held already becomes debt, which the workspace's other credits repay at once. Raises
    NotReversible for more than the lot brought in less earlier refunds, IdempotencyConflict.
    """
    content = {"refund": lot_id, "amount": amount}
    operation = _draft(namespace, key, content, "refund.pack", reason=reason, actor=actor)
    with open_book(workspace_id, now=now) as book:
        if (stored := book.find(namespace, key, operation.request_hash)) is not None:
            return _result(stored, replay=True)
        of = _brought(book, lot_id)
        operation.reverses_id = of.operation_id
        from_lot = book.claw_back(operation=operation, of=of, amount=amount, kind="refund.pack")
        return _told(book, operation, amount=amount, from_lot=from_lot)


def operation_reverse(
    *,
    workspace_id: int,
    operation_id: int,
    key: str,
    reason: str,
    actor: str,
    namespace: str = "operator",
    now: datetime | None = None,
) -> RefundResult:
    """Take back a whole grant, adjustment or refund; once. Of a grant, what is spent already becomes debt.

    `from_lot` of the answer is what a lot still had, or for an outflow what came back. Raises NotReversible for
    anything else, or what was reversed before, and IdempotencyConflict.
    """
    draft = _draft(namespace, key, {"reverse": operation_id}, "", reason=reason, actor=actor)
    with open_book(workspace_id, now=now) as book:
        if (stored := book.find(namespace, key, draft.request_hash)) is not None:
            return _result(stored, replay=True)
        original = Operation.objects.filter(workspace_id=workspace_id, pk=operation_id).first()
        family = original.kind.split(".")[0] if original else ""
        if original is None or family not in ("grant", "adjust", "refund") or original.kind.endswith(".reverse"):
            raise NotReversible("Only grants, adjustments and refunds can be reversed here.")
        draft.kind, draft.reverses_id = f"{family}.reverse", operation_id
        if Operation.objects.filter(reverses_id=operation_id, kind=draft.kind).exists():
            raise NotReversible("This was reversed before.")
        if (lot := Lot.objects.filter(operation_id=operation_id).first()) is not None:
            of = _brought(book, lot.pk)
            to = ADJUSTED if of.debit == ADJUSTED else ISSUED
            amount = sum(one.most for one in book.gone_on(of))
            from_lot = book.claw_back(operation=draft, of=of, amount=amount, kind=draft.kind, to=to)
        else:
            back = book.reverse(operation=draft, kind=draft.kind, operation_id=operation_id)
            amount, from_lot = back.returned + back.cancelled, back.returned
        return _told(book, draft, amount=amount, from_lot=from_lot)


def _draft(namespace: str, key: str, content: dict[str, Any], kind: str, *, reason: str, actor: str) -> OperationDraft:
    hashed = request_hash(content)
    return OperationDraft(namespace, key, hashed, kind, actor=cut(actor, 200), reason=cut(reason, 500))


def _brought(book: Book, lot_id: int) -> Brought:
    of = book.brought(lot_id)
    if of is None:
        raise NotReversible("There is no such lot.")
    return of


def _told(book: Book, operation: OperationDraft, *, amount: int, from_lot: int) -> RefundResult:
    operation.result = {
        "amount": amount,
        "from_lot": from_lot,
        "spent": amount - from_lot,
        "owed": book.debt,
        "balance": book.available,
    }
    return _result(operation.result, replay=False)


def _result(told: dict[str, Any], *, replay: bool) -> RefundResult:
    return RefundResult(**told, replay=replay)
