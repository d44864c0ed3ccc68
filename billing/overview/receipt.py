"""One request in full: what was counted, at which price, and which lots paid."""

from dataclasses import dataclass
from decimal import Decimal

from billing.ledger.models import Transfer
from billing.ledger.selectors import operation_heads, operation_takes
from billing.metering.models import UsageEvent
from billing.metering.receipts import ReceiptLine


@dataclass(frozen=True, kw_only=True)
class PaidFrom:
    """A lot's part of a charge, in nano-credits."""

    lot_id: int
    label: str
    source: str
    amount: int
    seq: int


@dataclass(frozen=True, kw_only=True)
class Uncounted:
    """A quantity that was reported and not billed by itself (part of another meter, or free)."""

    meter: str
    quantity: Decimal


@dataclass(frozen=True, kw_only=True)
class EventReceipt:
    event: UsageEvent
    lines: tuple[ReceiptLine, ...]
    unpriced: tuple[Uncounted, ...]
    paid_from: tuple[PaidFrom, ...]
    debt: int  # part that no lot covered
    head: Transfer | None


def event_receipt(event: UsageEvent) -> EventReceipt:
    lines = tuple(ReceiptLine.stored(line) for line in event.lines)
    billed = {line.meter for line in lines}
    rest = [Uncounted(meter=meter, quantity=Decimal(n)) for meter, n in event.usage.items() if meter not in billed]
    paid = lots_that_paid(event)
    head = operation_heads([event.operation_id]).get(event.operation_id) if event.operation_id else None
    return EventReceipt(
        event=event,
        lines=lines,
        unpriced=tuple(rest),
        paid_from=paid,
        debt=event.amount - sum(part.amount for part in paid),
        head=head,
    )


def lots_that_paid(event: UsageEvent) -> tuple[PaidFrom, ...]:
    """The overlap of the event's stretch of its operation with the operation's ordered takes."""
    if event.operation_id is None or not event.amount:
        return ()
    start, end, position = event.offset, event.offset + event.amount, 0
    paid = []
    for take in operation_takes(event.operation_id):
        overlap = min(position + take.amount, end) - max(position, start)
        if overlap > 0:
            paid.append(
                PaidFrom(
                    lot_id=take.lot_id,
                    label=take.lot.label,
                    source=take.lot.source,
                    amount=overlap,
                    seq=take.transfer.seq,
                )
            )
        position += take.amount
    return tuple(paid)
