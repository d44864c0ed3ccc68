"""Amounts as people read them: rounded to their magnitude, never to nothing.

A paid amount never shows as 0.00: below one, two significant digits are kept. Rounding is for reading only.
"""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from billing.credits.units import NANO

MINUS = "\N{MINUS SIGN}"


def _decimals(magnitude: Decimal, *, least: int) -> int:
    """Decimals that leave at least two significant digits of `magnitude` (> 0)."""
    return max(least, 1 - magnitude.adjusted()) if magnitude < 1 else least


def _rounded(amount: Decimal, *, least: int) -> tuple[str, Decimal]:
    with localcontext() as context:
        context.prec = 60
        magnitude = abs(amount)
        decimals = _decimals(magnitude, least=least) if magnitude else least
        rounded = magnitude.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
    text = f"{rounded:,f}"
    while "." in text and text.endswith("0") and len(text.partition(".")[2]) > least:
        text = text[:-1]
    return text, rounded


def credits_text(nano: int) -> str:
    """`nano` nano-credits as credits: "12,403.93", "1,250", "0.063", "0.0000012"; "0" only for zero."""
    text, rounded = _rounded(Decimal(nano) / NANO, least=2)
    if rounded == rounded.to_integral_value():
        text = text.partition(".")[0]
    return (MINUS if nano < 0 else "") + text


def dollars_text(usd: Decimal) -> str:
    """`usd` dollars: "$1,250.00", "$0.06", "$0.00036"; "$0.00" only for zero."""
    text, _ = _rounded(usd, least=2)
    return (MINUS if usd < 0 else "") + "$" + text


def usd_text(nano: int, usd_per_credit: Decimal) -> str:
    """What `nano` nano-credits are worth at face value, as people read dollars."""
    with localcontext() as context:
        context.prec = 60
        return dollars_text(Decimal(nano) * usd_per_credit / NANO)


def exact_text(nano: int) -> str:
    """All of it, with thousands separators, for tooltips and ledgers: "12,403.928000001"."""
    sign, magnitude = (MINUS if nano < 0 else ""), abs(nano)
    whole, part = divmod(magnitude, NANO)
    decimals = f"{part:09d}".rstrip("0")
    return f"{sign}{whole:,}" + (f".{decimals}" if decimals else "")
