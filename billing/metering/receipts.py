"""What the reporter of usage is told. Amounts are nano-credits, quantities Decimal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.ledger.records import WalletState
from billing.pricing.rating import Line
from billing.pricing.tariff import Applied

# What `total_tokens` adds up: cached, cache-write and reasoning tokens are contained in these.
TOKEN_METERS = ("input_tokens", "output_tokens", "embedding_tokens")


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One priced quantity. The `nano` of an event's lines add up to its charge."""

    meter: str
    quantity: Decimal
    price_id: int | None
    price_usd: Decimal
    per: int
    markup_percent: Decimal
    from_allowance: Decimal
    nano: int
    applied: Applied | None = None  # what made it another price than the list's

    @classmethod
    def rated(cls, line: Line, share: int) -> "ReceiptLine":
        """From a rated line and its share of the charge."""
        return cls(
            meter=line.meter,
            quantity=line.quantity,
            price_id=line.price_id,
            price_usd=line.price_usd,
            per=line.per,
            markup_percent=line.markup_percent,
            from_allowance=line.from_allowance,
            nano=share,
            applied=line.applied,
        )

    @classmethod
    def stored(cls, line: Mapping[str, Any]) -> "ReceiptLine":
        """From an event's `lines` column."""
        return cls(
            meter=line["meter"],
            quantity=Decimal(line["quantity"]),
            price_id=line["price_id"],
            price_usd=Decimal(line["price"]),
            per=line["per"],
            markup_percent=Decimal(line["markup"]),
            from_allowance=Decimal(line["from_allowance"]),
            nano=line["nano"],
            applied=_applied(line),
        )


def applied_json(applied: Applied) -> dict[str, Any]:
    """As an event's `lines` keep it: only what there is."""
    kept: dict[str, Any] = {}
    if applied.override_id is not None:
        kept["override"] = applied.override_id
    if applied.discount_id is not None:
        kept |= {"discount_id": applied.discount_id, "discount": format(applied.discount, "f")}
    if applied.schedule_id is not None:
        kept |= {"schedule": applied.schedule_id, "counter": applied.counter}
        if applied.step is not None:
            kept["step"] = format(applied.step, "f")
        if applied.off:
            kept["off"] = format(applied.off, "f")
    return kept


def _applied(line: Mapping[str, Any]) -> Applied | None:
    if line.keys().isdisjoint(("override", "discount_id", "schedule")):
        return None
    return Applied(
        override_id=line.get("override"),
        discount_id=line.get("discount_id"),
        discount=Decimal(line.get("discount", 0)),
        schedule_id=line.get("schedule"),
        step=Decimal(line["step"]) if "step" in line else None,
        off=Decimal(line.get("off", 0)),
        counter=line.get("counter", ""),
    )


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """`total_tokens` counts everything, also what an allowance covered; the charge is the receipt's `nano`."""

    input_tokens: Decimal
    output_audio_seconds: Decimal
    total_tokens: Decimal

    @classmethod
    def of(cls, usage: Mapping[str, Any]) -> "UsageTotals":
        tokens = [Decimal(usage.get(meter, 0)) for meter in TOKEN_METERS]
        return cls(tokens[0], Decimal(usage.get("audio_output_seconds", 0)), sum(tokens, Decimal(0)))

    @classmethod
    def over(cls, usages: Iterable[Mapping[str, Decimal]]) -> "UsageTotals":
        """Of many events together."""
        together: dict[str, Decimal] = {}
        for usage in usages:
            for meter, quantity in usage.items():
                together[meter] = together.get(meter, 0) + quantity
        return cls.of(together)


@dataclass(frozen=True, slots=True)
class Receipt:
    """One recorded event. A replay carries what was told the first time."""

    event_id: str
    nano: int
    cost_usd: Decimal
    usage: UsageTotals
    lines: tuple[ReceiptLine, ...]
    balance: WalletState
    replay: bool
    late: bool
    problem: str  # "unknown_model" or "unknown_meter": kept unrated, nothing charged
    occurred_at: datetime
    detail: str = ""
    hold_status: str = ""  # "settled", or "expired": the balance was charged; empty without a hold


@dataclass(frozen=True, slots=True)
class Issue:
    """What is to say about one event of a batch, by its place in it."""

    index: int
    event_id: str
    code: str
    detail: str
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Unrated events are among the accepted. `balance` is None when there was nothing to record."""

    accepted: int
    duplicates: int
    unrated: list[Issue]
    rejected: list[Issue]
    nano: int
    balance: WalletState | None
