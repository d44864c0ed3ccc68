"""Amounts in payloads, as in answers of the API: credits as exact numbers, and nano-credits as text beside them."""

from decimal import Decimal

from billing.credits.units import credits


def amount(name: str, nano: int) -> dict[str, Decimal | str]:
    return {name: credits(nano), f"{name}_nano": str(nano)}
