"""Charging an add-on to the wallet. Amounts are nano-credits."""

from datetime import datetime

from billing.ledger.book import Book
from billing.ledger.records import OperationDraft
from billing.ledger.services import cut, request_hash
from billing.plans.models import WorkspaceAddOn

NAMESPACE = "addon"
KIND = "addon.spend"


def period_key(held: WorkspaceAddOn, since: datetime) -> str:
    """Once per add-on of a workspace and period: what is paid never begins twice at one instant."""
    return f"{held.pk}:{since:%Y%m%dT%H%M%S%f}"


def pay(
    book: Book, held: WorkspaceAddOn, *, key: str, amount: int, quantity: int, since: datetime, ends: datetime,
    actor: str = "system",
) -> None:  # fmt: skip
    """Charge `amount` for `quantity` pieces from `since` to `ends`; under the same key once. Raises InsufficientCredits
    (nothing is posted then), IdempotencyConflict.
    """
    pieces = f" × {quantity}" if quantity > 1 else ""
    reason = f"{held.name}{pieces}, {since:%-d %b} to {ends:%-d %b %Y}"
    content = {"amount": amount, "quantity": quantity, "since": since, "ends": ends}
    operation = OperationDraft(NAMESPACE, key, request_hash(content), KIND, actor=cut(actor, 200), reason=reason)
    if book.find(NAMESPACE, key, operation.request_hash) is None:
        book.pay(operation=operation, amount=amount, kind=KIND, occurred_at=since)
