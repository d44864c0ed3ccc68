"""Credits and nano-credits: the one place where amounts change their unit.

The ledger counts integer nano-credits (10**-9 credit). Everything else handles credits as Decimal.
"""

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, localcontext

NANO = 10**9
MAX_NANO = 2**63 - 1  # BigIntegerField


class AmountOutOfRange(ValueError):
    """An amount that the ledger cannot hold."""


def exact_nano(credits: Decimal) -> int:
    """Nano-credits of `credits`; raises AmountOutOfRange if it has more than 9 decimals or does not fit."""
    with localcontext() as context:
        context.prec = 60
        nano = credits * NANO
        if nano != nano.to_integral_value():
            raise AmountOutOfRange(f"{credits} has more than 9 decimals")
    return in_range(int(nano))


def rounded_nano(credits: Decimal, *, up: bool = False) -> int:
    """Nano-credits of `credits`, rounded half-even, or up (estimates for holds)."""
    with localcontext() as context:
        context.prec = 60
        nano = (credits * NANO).to_integral_value(ROUND_CEILING if up else ROUND_HALF_EVEN)
    return in_range(int(nano))


def in_range(nano: int) -> int:
    """`nano`, or AmountOutOfRange when a signed 64-bit integer cannot hold it."""
    if not -MAX_NANO <= nano <= MAX_NANO:
        raise AmountOutOfRange(f"{Decimal(nano) / NANO:f} credits do not fit the ledger")
    return nano


def credits(nano: int) -> Decimal:
    """Credits of `nano`, exact, without trailing zeros."""
    whole, rest = divmod(abs(nano), NANO)  # written as text: dividing Decimals takes four times as long
    text = f"{whole}.{rest:09d}".rstrip("0") if rest else str(whole)
    return Decimal(f"-{text}" if nano < 0 else text)
