"""Counts and measures as people read them. Amounts of credits and dollars: billing.credits.format."""

from decimal import Decimal, localcontext

from billing.credits.format import credits_text
from billing.credits.units import NANO
from billing.metering.lasting import days_text

__all__ = [
    "axis_text",
    "compact_text",
    "count_text",
    "days_text",
    "measure_text",
    "plain_text",
]

UNITS = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "K"))


def count_text(value: Decimal | int) -> str:
    """ "1,204", "48.5", "0.004": whole where it is whole, else at most three decimals."""
    amount = Decimal(value)
    if amount == amount.to_integral_value():
        return f"{amount:,.0f}"
    decimals = 3 if abs(amount) >= 1 else max(3, 1 - amount.adjusted())
    return f"{amount:,.{decimals}f}".rstrip("0").rstrip(".")


def compact_text(value: Decimal | int) -> str:
    """For axes and tight columns: "950", "1.2K", "36M"."""
    amount = Decimal(value)
    for size, letter in UNITS:
        if abs(amount) >= size:
            short = f"{amount / size:.1f}".removesuffix(".0")
            return short + letter
    return count_text(amount)


def measure_text(value: Decimal | int, metric: str) -> str:
    """A value of a usage metric: credits come in nano-credits, everything else as counted."""
    return credits_text(int(value)) if metric == "credits" else count_text(value)


def axis_text(value: Decimal | int, metric: str) -> str:
    """The same, as short as an axis needs it."""
    amount = Decimal(value) / NANO if metric == "credits" else Decimal(value)
    return compact_text(amount)


def plain_text(value: Decimal | int) -> str:
    """For machines: no separators, no exponent, no trailing zeros."""
    with localcontext() as context:
        context.prec = 60
        return f"{Decimal(value).normalize():f}"
