"""Parts that several answers have in common."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing.credits.units import credits
from billing.metering.receipts import ReceiptLine
from billing.pricing.tariff import Applied
from billing.usage.errors import Standing


def amount(name: str, nano: int) -> dict[str, Any]:
    """`name` in exact credits and `name_nano` as a string, for clients whose numbers are floats."""
    return {name: credits(nano), f"{name}_nano": str(nano)}


def optional_amount(name: str, nano: int | None) -> dict[str, Any]:
    """The same; both are null for None."""
    return {name: None, f"{name}_nano": None} if nano is None else amount(name, nano)


def line(item: ReceiptLine) -> dict[str, Any]:
    """What made it another price than the list's is named only where something did."""
    shown = {
        "meter": item.meter,
        "quantity": item.quantity,
        "price_usd": item.price_usd,
        "per": item.per,
        "markup_percent": item.markup_percent,
        "from_allowance": item.from_allowance,
        "credits": credits(item.nano),
    }
    return shown if item.applied is None else shown | _applied(item.applied)


def _applied(applied: Applied) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if applied.override_id is not None:
        shown["agreed_price"] = applied.override_id
    if applied.discount_id is not None:
        shown["discount_percent"] = applied.discount
    if applied.schedule_id is not None:
        shown["tier"] = {"schedule": applied.schedule_id, "from": applied.step or 0, "off_percent": applied.off}
    return shown


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


def concurrency(limit: int | None, running: int) -> dict[str, Any] | None:
    """Null without a limit."""
    return None if limit is None else {"limit": limit, "open": running}


def quantities(usage: Mapping[str, Any]) -> dict[str, Decimal]:
    return {meter: Decimal(value) for meter, value in usage.items()}
