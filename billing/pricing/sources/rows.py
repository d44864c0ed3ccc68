"""What every source adapter yields. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal

Dims = tuple[tuple[str, str], ...]
Identity = tuple[str, str, str, Dims, date | None]

# Upstream files carry the noise of binary fractions (0.18000000000000002); published prices never need more digits.
TWELVE_DIGITS = Context(prec=12)
LARGEST = Decimal(10) ** 9  # what the catalogue's columns hold is less
MOST_PER = 10**12
MOST_ROWS = 50_000  # several times what the largest catalogue has; more could not be written well within the notice
LONGEST = {"provider": 80, "model": 200, "meter": 60, "unit": 20, "name": 200, "modality": 20}  # characters
LONGEST_DIMS = 200
UNWRITABLE = re.compile("[\x00\ud800-\udfff]")  # what no text column takes


class SourceError(Exception):
    """A source could not be read; the text tells the operator why. Its prices stay as they are."""


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One price as published: `price` USD for `per` units of `meter`."""

    provider: str
    model: str
    meter: str
    unit: str
    price: Decimal
    per: int
    dims: Dims = ()
    upstream_from: date | None = None  # the source's own start date
    upstream_until: date | None = None  # a later price set of the source that omits the meter ends it
    currency: str = "USD"
    markup_percent: Decimal | None = None

    @property
    def identity(self) -> Identity:
        """What stays when the price changes."""
        return (self.provider, self.model, self.meter, self.dims, self.upstream_from)

    def same_price(self, other: "PriceRow") -> bool:
        """Equal per unit: 0.36 per 3600 is 0.006 per 60."""
        return self.price * other.per == other.price * self.per


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model as its source describes it."""

    provider: str
    model: str
    name: str
    modality: str
    context_window: int | None = None
    aliases: tuple[str, ...] = ()
    by_maker: bool = False


@dataclass(frozen=True)
class Reading:
    """Everything one reading of a source said."""

    source: str
    version: str
    rows: Sequence[PriceRow]
    models: Sequence[ModelRow]
    notes: Mapping[str, int] = field(default_factory=dict)  # what was left out on purpose, counted


def dims_of(**named: object) -> Dims:
    """Sorted dimensions without the empty ones."""
    return tuple(sorted((key, str(value)) for key, value in named.items() if value not in (None, "", 0)))


def clean(price: Decimal) -> Decimal:
    """At most twelve significant digits and the fifteen decimals the catalogue stores, without trailing zeros."""
    price = TWELVE_DIGITS.plus(price)
    exponent = price.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -15:
        price = price.quantize(Decimal("1e-15"))
    return price.normalize()


def impossible(reading: Reading) -> str:
    """Why the catalogue could not hold what a reading says, in words; empty when it could."""
    if len(reading.rows) > MOST_ROWS:
        return f"{len(reading.rows):,} prices are more than any catalogue has"
    for row in reading.rows:
        what = f"a price of {row.provider}/{row.model} {row.meter}"[:150]
        if not row.price.is_finite() or not 0 <= row.price < LARGEST:
            return f"{what!a} is none: {str(row.price)[:40]}"
        if not 0 < row.per <= MOST_PER:
            return f"{what!a} is for {str(row.per)[:40]} units"
        dims = ",".join(f"{key}={value}" for key, value in row.dims)
        if not (_fits(row) and _is_text(dims, LONGEST_DIMS)):
            return f"{what!a} has a name that cannot be"
    for model in reading.models:
        if not (_fits(model) and all(_is_text(alias, LONGEST["model"]) for alias in model.aliases)):
            return f"the model {f'{model.provider}/{model.model}'[:150]!a} has a name that cannot be"
    return ""


def _fits(row: PriceRow | ModelRow) -> bool:
    return all(_is_text(getattr(row, name), most) for name, most in LONGEST.items() if hasattr(row, name))


def _is_text(text: str, most: int) -> bool:
    return len(text) <= most and not UNWRITABLE.search(text)


def resolve_conflicts(rows: Sequence[PriceRow]) -> tuple[dict[Identity, PriceRow], int]:
    """One row per identity. Two prices for one identity: the dearer is kept and the clash counted."""
    kept: dict[Identity, PriceRow] = {}
    clashes = 0
    for row in rows:
        other = kept.setdefault(row.identity, row)
        if other is not row and not other.same_price(row):
            clashes += 1
            if row.price * other.per > other.price * row.per:
                kept[row.identity] = row
    return kept, clashes
