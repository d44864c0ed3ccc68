"""Amounts in the currency's smallest unit, integers throughout."""

from decimal import ROUND_HALF_UP, Decimal

from portal.standin.errors import ApiError, Json, invalid
from portal.standin.params import integer

# The least that may be charged; other currencies are taken as having cents and 50 as their least.
LEAST = {
    "usd": 50,
    "eur": 50,
    "gbp": 30,
    "chf": 50,
    "jpy": 50,
    "krw": 50,
    "sek": 300,
    "dkk": 250,
    "nok": 300,
    "pln": 200,
}
WITHOUT_CENTS = {"jpy", "krw", "vnd", "clp", "isk"}
MOST = 99_999_999
DISPUTE_FEE = 1500


def currency_of(params: Json, name: str = "currency") -> str:
    currency = str(params.get(name) or "").lower()
    if not currency:
        raise ApiError(f"Missing required param: {name}.", code="parameter_missing", param=name)
    if len(currency) != 3 or not currency.isalpha():
        raise invalid(f"Invalid currency: {currency}.", name)
    return currency


def amount_of(params: Json, currency: str, name: str = "amount") -> int:
    """Raises amount_too_small below the least that Stripe would charge."""
    amount = integer(params, name)
    check_amount(amount, currency, name)
    return amount


def check_amount(amount: int, currency: str, name: str = "amount") -> None:
    if amount < least(currency):
        raise invalid(f"Amount must be at least {shown(least(currency), currency)}", name, "amount_too_small")
    if amount > MOST:
        raise invalid(f"Amount must be no more than {shown(MOST, currency)}", name, "amount_too_large")


def least(currency: str) -> int:
    return LEAST.get(currency, 50)


def shown(amount: int, currency: str) -> str:
    """`$0.50 usd`, as Stripe's messages have it."""
    sign = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}.get(currency, "")
    plain = f"{amount:,}" if currency in WITHOUT_CENTS else f"{Decimal(amount) / 100:,.2f}"
    return f"{sign}{plain} {currency}"


def rounded(value: Decimal) -> int:
    """Half up, away from zero."""
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))


def fee_of(amount: int) -> int:
    """2.9 % and 30 of the smallest unit."""
    return rounded(Decimal(amount) * 29 / 1000) + 30


def share(amount: int, part: int, whole: int) -> int:
    """`amount` × `part` / `whole`, rounded once."""
    return rounded(Decimal(amount) * part / whole) if whole else 0
