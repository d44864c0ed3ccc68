"""Parts of a purchase: what a code takes off, and which credits belong to which money. Pure."""

from decimal import Decimal, localcontext

from billing.credits.units import NANO

UNIT = Decimal("0.000000000001")


def percent_of(price: int, percent: int) -> int:
    """Minor units that `percent` takes off, rounded half up."""
    return (price * percent * 2 + 100) // 200


def share(credits: int, part: int, whole: int) -> int:
    """Nano-credits of a lot that go with `part` of the `whole` money (minor units), rounded down; all with all of it.

    Taken of sums, never of single refunds: the shares of all refunds of a purchase add up to exactly its credits.
    """
    if not 0 <= part <= whole or whole <= 0:
        raise ValueError(f"{part} is no part of {whole}")
    return credits * part // whole


def money_of(amount: int, unspent: int, credits: int) -> int:
    """Minor units of `amount` that `unspent` of the `credits` it bought are worth, rounded down."""
    return amount * min(max(unspent, 0), credits) // credits


def unit_price(net: Decimal, nano: int) -> Decimal:
    """What one of `nano` nano-credits' credits costs when all of them cost `net`, with the ledger's twelve decimals."""
    with localcontext() as context:
        context.prec = 60
        return (net * NANO / nano).quantize(UNIT)
