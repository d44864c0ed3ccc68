"""Money and credits as the pages print them."""

from decimal import Decimal

from billing.credits.format import MINUS, credits_text, percent_text
from billing.ledger.worth.figures import EXACT, usd


def dollars(parts: int) -> str:
    """Parts of a dollar to the cent, half-even: "$1,234.50", "−$0.02"; what is less than a cent is said to be."""
    exact = usd(abs(parts))
    cents = exact.quantize(Decimal("0.01"), context=EXACT)
    if parts and not cents:
        return f"under {MINUS if parts < 0 else ''}$0.01"
    return f"{MINUS if parts < 0 else ''}${cents:,f}"


def margin_percent(revenue: int, upstream: int) -> str:
    """The share of revenue that is left: "42.5%"; a dash where there is no revenue."""
    if revenue <= 0:
        return "–"
    return percent_text(EXACT.divide(Decimal(100 * (revenue - upstream)), Decimal(revenue)))


def amount(nano: int) -> str:
    """Credits, as people read them."""
    return credits_text(nano)
