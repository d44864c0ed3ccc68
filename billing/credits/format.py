"""Amounts as people read them: rounded to their magnitude, never to nothing.

A paid amount never shows as 0.00: below one, two significant digits are kept. Prices of a unit are compared digit by
digit with what providers publish, so they keep more. Rounding is for reading only.
"""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from billing.credits.units import NANO

MINUS = "\N{MINUS SIGN}"
RATE_DIGITS = 6


def _rounded(amount: Decimal, *, least: int, digits: int = 2, rounding: str = ROUND_HALF_EVEN) -> tuple[str, Decimal]:
    """To `least` decimals, or as many more as leave so many significant `digits`; zeros beyond `least` are cut."""
    with localcontext() as context:
        context.prec = 60
        magnitude = abs(amount)
        decimals = max(least, digits - 1 - magnitude.adjusted()) if magnitude else least
        rounded = magnitude.quantize(Decimal(1).scaleb(-decimals), rounding)
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


def dollars_text(usd: Decimal, *, rounding: str = ROUND_HALF_EVEN) -> str:
    """`usd` dollars: "$1,250.00", "$0.06", "$0.00036"; "$0.00" only for zero."""
    text, _ = _rounded(usd, least=2, rounding=rounding)
    return (MINUS if usd < 0 else "") + "$" + text


def rate_text(usd: Decimal) -> str:
    """A price of a unit in dollars: "$0.00125", "$3.00"; six significant digits where it goes on for ever."""
    return "$" + _rounded(usd, least=2, digits=RATE_DIGITS)[0]


def credit_rate_text(credits: Decimal) -> str:
    """The same in credits: "0.425", "1.20", "3"."""
    return _rounded(credits, least=2, digits=RATE_DIGITS)[0].removesuffix(".00")


def usd_text(nano: int, usd_per_credit: Decimal) -> str:
    """What `nano` nano-credits are worth at face value, as people read dollars."""
    with localcontext() as context:
        context.prec = 60
        return dollars_text(Decimal(nano) * usd_per_credit / NANO)


def percent_text(percent: Decimal, *, signed: bool = False) -> str:
    """ "20%", "12.5%", "0.04%": one decimal, more only where there would be nothing left; `signed`: "+20%"."""
    text = _rounded(percent, least=1, digits=1)[0].removesuffix(".0")
    return (MINUS if percent < 0 else "+" if signed else "") + text + "%"


def exact_text(nano: int) -> str:
    """All of it, with thousands separators, for tooltips and ledgers: "12,403.928000001"."""
    sign, magnitude = (MINUS if nano < 0 else ""), abs(nano)
    whole, part = divmod(magnitude, NANO)
    decimals = f"{part:09d}".rstrip("0")
    return f"{sign}{whole:,}" + (f".{decimals}" if decimals else "")
