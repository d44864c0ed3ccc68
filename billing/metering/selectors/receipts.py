"""The receipt of one event: its lines, the lots that paid for it, and the ledger's chain head."""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.scopes import KeyKind
from billing.ledger.models import LotTake, Transfer
from billing.metering.keys import CHARGES
from billing.metering.models import UsageEvent
from billing.metering.origins import cloud_origin, key_class
from billing.metering.receipts import ReceiptLine
from billing.metering.settling import stored_hold_status


@dataclass(frozen=True)
class PaidFrom:
    """Nano-credits of the event that a lot paid, and by which transfer."""

    lot_id: int
    label: str
    source: str
    nano: int
    seq: int


@dataclass(frozen=True)
class EventReceipt:
    """`debt` is what no lot covered. `seq` and `head` name the last transfer that charged it; the chain from there
    vouches for the event. Both are None and empty when nothing was charged. `hold_status` is empty for an event
    that names no hold, else "settled", or "expired": the balance was charged. `lines` are empty once the details are in
    a file: `event.archive`.
    """

    event: UsageEvent
    lines: tuple[ReceiptLine, ...]
    paid: tuple[PaidFrom, ...]
    debt: int
    seq: int | None
    head: bytes
    hold_status: str = ""


def receipt(workspace_id: int, *, event_id: str, prefer: str = "", source: str | None = None) -> EventReceipt | None:
    """The receipt of the event, or None. An id may exist once per origin: of several the class of key `prefer` comes
    first, then what was no CloudEvent, then the latest. `source` asks for CloudEvents of that source alone.
    """
    of_id = UsageEvent.objects.filter(workspace_id=workspace_id, event_id=event_id)
    if source is None:
        # Each part is a look-up in an index of its own, also for an id that there is none of.
        kinds = list(KeyKind.values)
        parts = [of_id.filter(origin__in=kinds), of_id.exclude(origin__in=kinds)]
    else:
        parts = [of_id.filter(origin__in=[cloud_origin(kind, source) for kind in KeyKind.values])]
    rows = [row for part in parts for row in part.select_related("project", "api_key", "reversal", "archive")]
    if not rows:
        return None
    return receipt_of(
        min(rows, key=lambda row: (key_class(row.origin) != prefer, row.origin not in KeyKind.values, -row.pk))
    )


def receipt_of(event: UsageEvent) -> EventReceipt:
    """The receipt of a stored event."""
    lines = () if event.archive_id else tuple(ReceiptLine.stored(line) for line in event.lines)
    status = stored_hold_status(event.hold_id)
    if event.operation_id is None:
        return EventReceipt(event, lines, (), 0, None, b"", status)
    charged = Transfer.objects.filter(operation_id=event.operation_id, kind__in=CHARGES)
    transfers = list(charged.order_by("seq"))
    paid, owed = _paid(event, transfers)
    return EventReceipt(event, lines, paid, owed, transfers[-1].seq, bytes(transfers[-1].digest), status)


def _paid(event: UsageEvent, transfers: Sequence[Transfer]) -> tuple[tuple[PaidFrom, ...], int]:
    """Where [offset, offset + amount) overlaps the takes of `transfers` in order; what no take covers is debt."""
    start, end = event.offset, event.offset + event.amount
    found = LotTake.objects.filter(transfer__in=transfers).select_related("lot", "transfer")
    takes = found.order_by("transfer__seq", "position")
    paid: list[PaidFrom] = []
    at = 0
    for take in takes:
        overlap = min(end, at + take.amount) - max(start, at)
        if overlap > 0:
            paid.append(PaidFrom(take.lot_id, take.lot.label, take.lot.source, overlap, take.transfer.seq))
        at += take.amount
        if at >= end:
            break
    return tuple(paid), event.amount - sum(part.nano for part in paid)
