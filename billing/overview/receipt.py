"""One request in full: what was counted, at which price, which lots paid, and the hold that it settled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.credits.format import dollars_text
from billing.foundation.site.selectors import site
from billing.ledger.models import Transfer
from billing.ledger.selectors import HoldRow, hold
from billing.metering.models import UsageEvent
from billing.metering.receipts import ReceiptLine
from billing.metering.selectors.receipts import PaidFrom, receipt_of
from billing.overview.numbers import count_text, plain_text
from billing.pricing.models import PriceDiscount


@dataclass(frozen=True, kw_only=True)
class Uncounted:
    """A quantity that was reported and not billed by itself (part of another meter, or free)."""

    meter: str
    quantity: Decimal


@dataclass(frozen=True, kw_only=True)
class PricedLine:
    """A line and how its credits come about, as a person would reckon it."""

    line: ReceiptLine
    sum: str
    words: tuple[str, ...] = ()  # what made it another price than the list's


@dataclass(frozen=True, kw_only=True)
class EventReceipt:
    """`head` is the digest of entry `seq`, the last one that charged it; empty and None where nothing was charged."""

    event: UsageEvent
    lines: tuple[PricedLine, ...]
    unpriced: tuple[Uncounted, ...]
    paid_from: tuple[PaidFrom, ...]
    debt: int  # nano-credits that no lot covered
    seq: int | None
    head: bytes
    hold: HoldRow | None
    reversal_seq: int | None  # of the entry that took the charge back


def event_receipt(event: UsageEvent) -> EventReceipt:
    found = receipt_of(event)
    billed = {line.meter for line in found.lines}
    rest = [Uncounted(meter=meter, quantity=Decimal(n)) for meter, n in event.usage.items() if meter not in billed]
    face = site().usd_per_credit
    return EventReceipt(
        event=event,
        lines=_priced(found.lines, face),
        unpriced=tuple(rest),
        paid_from=found.paid,
        debt=found.debt,
        seq=found.seq,
        head=found.head,
        hold=hold(event.workspace_id, event.hold_id) if event.hold_id else None,
        reversal_seq=_reversal_seq(event),
    )


def _priced(lines: Sequence[ReceiptLine], face: Decimal) -> tuple[PricedLine, ...]:
    ids = {line.applied.discount_id for line in lines if line.applied and line.applied.discount_id is not None}
    givers = dict(PriceDiscount.objects.filter(pk__in=ids).values_list("pk", "label")) if ids else {}
    return tuple(PricedLine(line=line, sum=sum_text(line, face), words=terms_words(line, givers)) for line in lines)


def terms_words(line: ReceiptLine, givers: Mapping[int, str]) -> tuple[str, ...]:
    """ "agreed price", "10% off with Pro v2", "5% off from 1,000 a month"; `givers` name discounts by id."""
    applied = line.applied
    if applied is None:
        return ()
    words = []
    if applied.override_id is not None:
        words.append("agreed markup over cost" if line.markup_percent else "agreed price")
    if applied.discount_id is not None:
        giver = givers.get(applied.discount_id, "")
        words.append(f"{plain_text(applied.discount)}% off" + (f" with {giver}" if giver else ""))
    if applied.schedule_id is not None:
        what = f"{plain_text(applied.off)}% off" if applied.off else "price"
        words.append("below the first tier" if applied.step is None else f"{what} from {_count(applied.step)} a month")
    return tuple(words)


def _reversal_seq(event: UsageEvent) -> int | None:
    operation = event.reversed.operation_id if event.reversed else None
    taken_back = Transfer.objects.filter(operation_id=operation, kind="usage.reverse") if operation else None
    return taken_back.order_by("seq").values_list("seq", flat=True).first() if taken_back else None


def sum_text(line: ReceiptLine, usd_per_credit: Decimal) -> str:
    """ "(1,200 − 200 included) × $0.15 ÷ 1,000,000 × 1.2 × 0.9 ÷ $0.005": quantity, price, markup, what is taken off, a
    credit's face value.

    Empty for what is free. The line's own credits are this, rounded so that the lines add up to the charge.
    """
    if not line.price_usd:
        return ""
    quantity = _count(line.quantity)
    if line.from_allowance:
        quantity = f"({quantity} − {_count(line.from_allowance)} included)"
    text = f"{quantity} × {_dollars(line.price_usd)}"
    if line.per != 1:
        text += f" ÷ {line.per:,}"
    if line.markup_percent:
        text += f" × {plain_text(1 + line.markup_percent / 100)}"
    for off in (line.applied.discount, line.applied.off) if line.applied else ():
        if off:
            text += f" × {plain_text(1 - off / 100)}"
    return f"{text} ÷ {_dollars(usd_per_credit)}"


def _dollars(usd: Decimal) -> str:
    """ "$2.50", and every decimal of what has more than people read."""
    text = dollars_text(usd)
    return text if Decimal(text.lstrip("$").replace(",", "")) == usd else f"${plain_text(usd)}"


def _count(quantity: Decimal) -> str:
    """All of its decimals, unlike `count_text`."""
    return count_text(quantity) if quantity == quantity.to_integral_value() else plain_text(quantity)
