"""A lot that its owner may use for longer: what is free of it goes on in a new lot with a later end."""

from datetime import datetime

from billing.ledger.accounts import EXTEND
from billing.ledger.book import open_book
from billing.ledger.errors import NotExtendable
from billing.ledger.models import Lot
from billing.ledger.records import ExtendResult, OperationDraft
from billing.ledger.services import cut, request_hash


def lot_extend(
    *,
    workspace_id: int,
    lot_id: int,
    until: datetime,
    key: str,
    reason: str,
    actor: str,
    namespace: str = "operator",
    now: datetime | None = None,
) -> ExtendResult:
    """Let what is free of a lot (nano-credits) be used until `until`; what a hold pins keeps its date.

    Raises NotExtendable for a lot that has expired, has not started, never expires, ends later anyway or is used up,
    and IdempotencyConflict.
    """
    hashed = request_hash({"extend": lot_id, "until": until})
    operation = OperationDraft(namespace, key, hashed, EXTEND, actor=cut(actor, 200), reason=cut(reason, 500))
    with open_book(workspace_id, now=now) as book:
        if (stored := book.find(namespace, key, hashed)) is not None:
            return ExtendResult(stored["lot"], stored["amount"], stored["balance"], replay=True)
        of = book.brought(lot_id)
        if of is None:
            raise NotExtendable("There is no such lot.")
        if of.lot.expires_at is None:
            raise NotExtendable("These credits never expire.")
        if of.lot.expires_at <= book.now:
            raise NotExtendable("These credits have expired. Give new ones instead.")
        if of.lot.scheduled:
            raise NotExtendable("These credits have not started. Extend them once they have.")
        if until <= of.lot.expires_at:
            raise NotExtendable(f"They last until {of.lot.expires_at:%Y-%m-%d %H:%M} UTC already; choose a later day.")
        row = Lot.objects.get(pk=lot_id)
        lot = book.extend_lot(
            operation=operation, of=of, label=row.label, unit_price_usd=row.unit_price_usd, until=until
        )
        operation.result = {"lot": lot.id, "amount": lot.amount, "balance": book.available}
        return ExtendResult(lot.id, lot.amount, book.available, replay=False)
