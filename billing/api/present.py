"""Parts that several answers have in common."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing.credits.units import credits
from billing.metering.receipts import ReceiptLine
from billing.usage.errors import Standing


def amount(name: str, nano: int) -> dict[str, Any]:
    """`name` in exact credits and `name_nano` as a string, for clients whose numbers are floats."""
    return {name: credits(nano), f"{name}_nano": str(nano)}


def line(item: ReceiptLine) -> dict[str, Any]:
    return {
        "meter": item.meter,
        "quantity": item.quantity,
        "price_usd": item.price_usd,
        "per": item.per,
        "markup_percent": item.markup_percent,
        "from_allowance": item.from_allowance,
        "credits": credits(item.nano),
    }


def budget(standing: Standing) -> dict[str, Any]:
    return {
        "level": standing.level,
        "name": standing.name or None,
        "period": standing.period,
        **amount("limit", standing.amount),
        **amount("spent", standing.spent),
        **amount("held", standing.held),
        **amount("left", max(standing.left, 0)),
        "resets_at": standing.resets_at,
    }


def quantities(usage: Mapping[str, Any]) -> dict[str, Decimal]:
    return {meter: Decimal(value) for meter, value in usage.items()}
