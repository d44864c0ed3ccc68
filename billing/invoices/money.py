"""Money of documents: integer minor units (cents) and a currency; taxes and sums, each rounded once, half up.

Pure. A line's amount is quantity × unit amount, rounded half up to a minor unit. Its discount is whole minor units. Its
tax is worked out from what is left and rounded half up; the document's tax is the sum of its lines' taxes, so that what
is printed adds up line by line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

MOST = 10**15  # minor units; far from the end of a 64-bit integer, whatever is summed
MINUS = "\N{MINUS SIGN}"
# Minor units of a currency, where they are not hundredths (ISO 4217, as Stripe counts them).
_PLACES = {
    **dict.fromkeys(("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf"), 0),
    **dict.fromkeys(("ugx", "vnd", "vuv", "xaf", "xof", "xpf"), 0),
    **dict.fromkeys(("bhd", "jod", "kwd", "omr", "tnd"), 3),
}
_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹"}


@dataclass(frozen=True)
class Tax:
    """What is charged on a line. `included`: the unit amounts contain it."""

    name: str = ""
    percent: Decimal = Decimal(0)
    included: bool = False
    reverse_charge: bool = False  # nothing is charged: the recipient accounts for it


NO_TAX = Tax()


@dataclass(frozen=True)
class LineInput:
    """One line as a service is told. `unit_amount` in minor units, possibly fractions of one; `discount` in minor
    units; `credits` in nano-credits. `tax_amount`: what somebody else worked out and charged (Stripe), taken as it is.
    """

    description: str
    unit_amount: Decimal | int
    quantity: Decimal | int = 1
    detail: str = ""
    discount: int = 0
    credits: int = 0
    tax: Tax | None = None  # another rate than the document's
    tax_amount: int | None = None


@dataclass(frozen=True)
class PricedLine:
    line: LineInput
    rate: Tax
    amount: int  # before the discount
    tax: int

    @property
    def net(self) -> int:
        """Without tax, after the discount."""
        return self.amount - self.line.discount - (self.tax if self.rate.included else 0)


@dataclass(frozen=True)
class Sums:
    """subtotal − discount (+ tax where it is not included) = total."""

    subtotal: int
    discount: int
    tax: int
    total: int


@dataclass(frozen=True)
class RateSum:
    """What one rate comes to in a document."""

    name: str
    percent: Decimal
    net: int
    tax: int


def half_up(amount: Decimal) -> int:
    with localcontext() as context:
        context.prec = 60
        return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def line_amount(quantity: Decimal | int, unit_amount: Decimal | int) -> int:
    with localcontext() as context:
        context.prec = 60
        return half_up(Decimal(quantity) * Decimal(unit_amount))


def tax_on(amount: int, tax: Tax) -> int:
    """The tax on (or in) `amount` minor units."""
    with localcontext() as context:
        context.prec = 60
        base = 100 + tax.percent if tax.included else Decimal(100)
        return half_up(amount * tax.percent / base)


def priced(line: LineInput, tax: Tax) -> PricedLine:
    """Raises ValueError for what no line can be."""
    rate = tax if line.tax is None else line.tax
    if rate.included != tax.included:
        raise ValueError("either all prices of a document include tax, or none does")
    if rate.percent < 0 or (rate.reverse_charge and rate.percent):
        raise ValueError("a rate is not negative, and nothing is charged where the recipient accounts for the tax")
    if line.quantity < 0 or line.unit_amount < 0 or line.credits < 0:
        raise ValueError("quantities, prices and credits are not negative")
    amount = line_amount(line.quantity, line.unit_amount)
    if not 0 <= line.discount <= amount or amount > MOST:
        raise ValueError("a discount is at most the line's amount")
    found = tax_on(amount - line.discount, rate) if line.tax_amount is None else line.tax_amount
    if found < 0 or (rate.included and found > amount - line.discount):
        raise ValueError("a tax is not negative, and not more than the amount it is included in")
    return PricedLine(line, rate, amount, found)


def sums(lines: Iterable[PricedLine]) -> Sums:
    lines = list(lines)
    subtotal = sum(line.amount for line in lines)
    discount = sum(line.line.discount for line in lines)
    tax = sum(line.tax for line in lines)
    added = sum(line.tax for line in lines if not line.rate.included)
    return Sums(subtotal, discount, tax, subtotal - discount + added)


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` in parts like `weights` (their sum at least `amount`, no part above its weight), adding up exactly:
    largest remainders first.
    """
    whole = sum(weights)
    if not whole:
        return [0 for _ in weights]
    parts = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda n: (-(amount * weights[n] % whole), n))
    for n in by_remainder[: amount - sum(parts)]:
        parts[n] += 1
    return parts


def tax_share(*, tax: int, gross: int, before: int, part: int) -> int:
    """The tax in `part` of a `gross` that contains `tax`, when `before` of it went already. All parts that make up the
    whole have exactly its tax, however they were cut.
    """

    def until(amount: int) -> int:
        return half_up(Decimal(tax) * amount / gross) if gross else 0

    return until(before + part) - until(before)


def places(currency: str) -> int:
    return _PLACES.get(currency, 2)


def major(minor: int | Decimal, currency: str) -> Decimal:
    """Minor units as an amount of the currency: 1234 cents are 12.34."""
    return Decimal(minor).scaleb(-places(currency))


def minor_units(amount: Decimal, currency: str) -> Decimal:
    """An amount of the currency in minor units, possibly fractions of one."""
    return amount.scaleb(places(currency))


def money_text(minor: int, currency: str) -> str:
    """ "$1,234.50", "¥1,235", "1,234.50 CHF"."""
    return _text(f"{abs(major(minor, currency)):,.{places(currency)}f}", currency, negative=minor < 0)


def unit_text(minor: Decimal | int, currency: str) -> str:
    """A unit price in full, at least with the currency's own decimals: "$0.0045"."""
    amount = abs(major(minor, currency))
    digits = f"{amount:,f}"
    whole, _, part = digits.partition(".")
    part = part.rstrip("0").ljust(places(currency), "0")
    return _text(f"{whole}.{part}" if part else whole, currency, negative=minor < 0)


def _text(digits: str, currency: str, *, negative: bool) -> str:
    symbol = _SYMBOLS.get(currency)
    text = f"{symbol}{digits}" if symbol else f"{digits} {currency.upper()}"
    return (MINUS if negative else "") + text


def plain(value: Decimal) -> str:
    """A quantity or a percentage: "1,250", "7.5"."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
