"""The prices of one model through time, and which of them are in force. Pure: no Django, no database.

`ModelPrices` holds every line of a model that was ever approved. `tariff()` picks, for an instant, a variant and a
context size, the most specific line of each meter; the answer is kept, because only a handful of combinations occur.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact
from functools import cached_property
from typing import NamedTuple

from billing.pricing.meters import ANCESTORS, SAME_THING, STANDS_FOR, Ancestors, Nesting

EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)  # products of quantities and prices never need more digits
HUNDRED = Decimal(100)
ZERO = Decimal(0)
NANO_USD = Decimal(10**9)

# Dimensions that are rules of the line itself; all others must be named by the event's variant.
RULES = frozenset({"context_over", "utc_window", "minimum"})
# When two lines match equally many dimensions, the earlier dimension decides.
WEIGHT = ("tier", "resolution", "quality", "size", "audio")
# What may say the tier; the earlier one counts, in whatever order they were sent.
TIER = ("tier", "batch", "processing", "service_tier", "speed")
TRUE, FALSE = {"true", "yes", "1", "on", "with"}, {"false", "no", "0", "off", "without"}


@dataclass(frozen=True, slots=True)
class PricePoint:
    """One catalogue line."""

    price_id: int
    meter: str
    dims: Mapping[str, str]
    price: Decimal  # USD as published, for `per` units
    per: int
    unit: str = ""
    starts: datetime | None = None  # billed from; None = since ever
    ends: datetime | None = None  # billed until, exclusive
    upstream_from: date | None = None
    rank: int = 0  # of the source: the highest one that has the meter decides
    markup: Decimal | None = None  # percent fixed on the line; None: the markup in force
    platform: bool = False


@dataclass(frozen=True, slots=True)
class MarkupPoint:
    """Percent over upstream cost from an instant on. `level`: 0 everything, 1 the provider, 2 the model."""

    level: int
    percent: Decimal
    starts: datetime | None = None


class Applied(NamedTuple):
    """What made a price another one than the list's: ids of the override, discount and schedule that were applied.

    With `counter` the quantity counts towards the schedule's steps, also below the first one.
    """

    override_id: int | None = None
    discount_id: int | None = None
    discount: Decimal = ZERO  # percent off the marked-up price
    schedule_id: int | None = None
    step: Decimal | None = None  # where the step in force begins; None: below the first one
    off: Decimal = ZERO  # percent off that the step gives
    counter: str = ""


_whole = EXACT.to_integral_value  # half-even, as its context rounds


class Upstream(NamedTuple):
    """What the operator pays for `per` units of a line, whatever its customers pay: `price` USD as published."""

    price: Decimal
    per: int
    factor: Decimal | None  # nano-USD per unit when that is a finite decimal

    @classmethod
    def of(cls, price: Decimal, per: int) -> "Upstream":
        return cls(price, per, _finite(EXACT.multiply(price, NANO_USD), Decimal(per)))

    def nano(self, quantity: Decimal) -> int:
        """Nano-USD for `quantity`, half-even. What 60 digits cannot hold is further from a half than their last one."""
        if self.factor is not None:
            return int(_whole(EXACT.multiply(quantity, self.factor)))
        exact = EXACT.multiply(EXACT.multiply(quantity, self.price), NANO_USD)
        return int(_whole(EXACT.divide(exact, Decimal(self.per))))


@dataclass(frozen=True, slots=True)
class TariffLine:
    """A line in force, with its price ready to multiply."""

    price_id: int
    meter: str
    price_usd: Decimal
    per: int
    unit: str
    markup_percent: Decimal
    dims: Mapping[str, str]
    minimum: Decimal
    platform: bool
    factor: Decimal | None  # USD per unit incl. markup when that is a finite decimal, else None …
    numerator: Decimal  # … and USD = quantity × numerator ÷ divisor
    divisor: Decimal
    applied: Applied | None = None  # None: the list price
    ladder: "Ladder | None" = None
    upstream: Upstream | None = None  # None: nobody is paid for it that the catalogue knows of

    def usd(self, quantity: Decimal) -> Decimal:
        """What `quantity` costs, markup included, exact (60 digits where the price per unit never ends)."""
        if self.factor is not None:
            return EXACT.multiply(quantity, self.factor)
        return EXACT.divide(EXACT.multiply(quantity, self.numerator), self.divisor)


class Ladder(NamedTuple):
    """The steps of a line by the month's quantity so far, ascending; the first one begins at nothing."""

    counter: str
    graduated: bool
    rungs: tuple[tuple[Decimal, TariffLine], ...]


@dataclass(frozen=True)
class Tariff:
    """The lines in force for one combination, by meter."""

    lines: Mapping[str, TariffLine]
    fee: TariffLine | None  # per request, due even when nobody counts requests
    nestings: dict[tuple[str, ...], Nesting] = field(default_factory=dict, compare=False)


def variant_value(key: str, value: object) -> str:
    """Spellings of one value made equal: 1080P and 1080p, yes and true, 1024-x-1024 and 1024x1024."""
    text = str(value).strip().lower()
    if key == "audio":
        return "yes" if text in TRUE else "no" if text in FALSE else text
    return text.replace("-x-", "x") if key == "size" else text


def clean_variant(variant: Mapping[str, object]) -> dict[str, str]:
    """A variant with canonical keys: batch, processing, service tier and speed are all the dimension `tier`."""
    said = {key: value for key, value in variant.items() if value is not None and value != ""}
    cleaned = {key: variant_value(key, value) for key, value in said.items() if key not in TIER}
    for key in TIER:
        if key == "batch" and str(said.get(key, "")).strip().lower() in TRUE:
            cleaned.setdefault("tier", "batch")
        elif key != "batch" and key in said:
            cleaned.setdefault("tier", variant_value("tier", said[key]))
    return cleaned


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[-2:])


def _window(text: str) -> tuple[int, int]:
    start, _, end = text.partition("-")
    return _minutes(start), _minutes(end)


def _in_window(text: str, minute: int) -> bool:
    start, end = _window(text)
    return start <= minute < end if start <= end else minute >= start or minute < end


@dataclass
class ModelPrices:
    """Every price line of a model, and of the platform's own meters, which any event may use."""

    provider: str
    model: str
    points: Sequence[PricePoint]
    markups: Sequence[MarkupPoint] = ()
    ancestors: Ancestors = field(default_factory=lambda: ANCESTORS)
    modality: str = ""
    aggregated: Mapping[str, str] = field(default_factory=dict)  # meters that are not summed: count, max
    _kept: dict[tuple[object, ...], Tariff] = field(default_factory=dict, repr=False)

    @property
    def ref(self) -> str:
        return f"{self.provider}/{self.model}" if self.model else ""

    @cached_property
    def edges(self) -> list[datetime]:
        """The instants at which a price or a markup changes."""
        instants = {point.starts for point in self.points} | {point.ends for point in self.points}
        return sorted(instant for instant in instants | {m.starts for m in self.markups} if instant)

    @cached_property
    def contexts(self) -> list[int]:
        return sorted({int(point.dims["context_over"]) for point in self.points if "context_over" in point.dims})

    @cached_property
    def windows(self) -> list[int]:
        texts = {point.dims["utc_window"] for point in self.points if "utc_window" in point.dims}
        return sorted({minute for text in texts for minute in _window(text)})

    @cached_property
    def variant_values(self) -> dict[str, set[str]]:
        """Every dimension an event can name here, with the values that are priced."""
        known: dict[str, set[str]] = {}
        for point in self.points:
            for key, value in point.dims.items():
                if key not in RULES:
                    known.setdefault(key, set()).add(value)
        return known

    @property
    def same_thing(self) -> Mapping[str, tuple[str, ...]]:
        """Meters that count again what another meter of the event has counted."""
        return SAME_THING.get(self.modality, {})

    @cached_property
    def parts(self) -> frozenset[str]:
        """Meters whose quantity is counted inside another one's."""
        return frozenset(meter for meter, wholes in self.ancestors.items() if wholes)

    def tariff(self, *, at: datetime, variant: Mapping[str, str], context: Decimal = ZERO) -> Tariff:
        """The lines in force at `at`. An unknown variant value counts as not said."""
        chosen: dict[str, str] = {}
        if variant and self.variant_values:
            known = self.variant_values
            chosen = {k: v for k, v in clean_variant(variant).items() if k in known and v in known[k]}
        key = (
            *self._stretch(at),
            bisect_left(self.contexts, context) if self.contexts else 0,
            tuple(sorted(chosen.items())) if chosen else (),
        )
        tariff = self._kept.get(key)
        if tariff is None:
            tariff = self._kept[key] = self._build(at, chosen, context)
        return tariff

    def priced_alike(self, one: datetime, other: datetime) -> bool:
        """Whether every price is the same at both."""
        return self._stretch(one) == self._stretch(other)

    def _stretch(self, at: datetime) -> tuple[int, int]:
        """Between which changes of price, and of window of the day, `at` lies."""
        return bisect_right(self.edges, at), bisect_right(self.windows, self._minute(at)) if self.windows else 0

    def current(self, at: datetime) -> list[PricePoint]:
        """Every line billed at `at`, of each meter those of the source that decides it, whatever their variant."""
        dated = [p for p in self.points if (not p.starts or p.starts <= at) and (not p.ends or at < p.ends)]
        highest: dict[str, int] = {}
        latest: dict[tuple[str, tuple[tuple[str, str], ...]], date] = {}
        for point in dated:
            highest[point.meter] = max(point.rank, highest.get(point.meter, point.rank))
        decisive = [point for point in dated if point.rank == highest[point.meter]]
        for point in decisive:
            key = (point.meter, tuple(sorted(point.dims.items())))
            latest[key] = max(point.upstream_from or date.min, latest.get(key, date.min))
        return [
            point
            for point in decisive
            if (point.upstream_from or date.min) == latest[point.meter, tuple(sorted(point.dims.items()))]
        ]

    def in_force(
        self, meter: str, at: datetime, variant: Mapping[str, str] | None = None, context: Decimal = ZERO
    ) -> TariffLine | None:
        """The line that prices `meter` at `at`, or None."""
        return self.tariff(at=at, variant=variant or {}, context=context).lines.get(meter)

    def markup_at(self, at: datetime) -> Decimal:
        """Percent in force: the most specific level that has one, its latest."""
        current = [m for m in self.markups if m.starts is None or m.starts <= at]
        best = max(current, key=lambda m: (m.level, m.starts is not None, m.starts or at), default=None)
        return best.percent if best else ZERO

    @staticmethod
    def _minute(at: datetime) -> int:
        utc = at.astimezone(UTC)
        return utc.hour * 60 + utc.minute

    def _build(self, at: datetime, chosen: Mapping[str, str], context: Decimal) -> Tariff:
        best: dict[str, tuple[tuple[object, ...], PricePoint]] = {}
        for point in self.current(at):
            if not self._matches(point, at, chosen, context):
                continue
            rank = _specificity(point)
            if point.meter not in best or rank > best[point.meter][0]:
                best[point.meter] = (rank, point)
        markup = self.markup_at(at)
        lines = {meter: line_of(point, markup) for meter, (_, point) in best.items()}
        for sent, priced in STANDS_FOR.items():
            if sent not in lines and priced in lines:
                lines[sent] = lines[priced]
        fee = lines.get("requests")
        return Tariff(lines, None if fee is None or fee.platform else fee)

    def _matches(self, point: PricePoint, at: datetime, chosen: Mapping[str, str], context: Decimal) -> bool:
        for key, value in point.dims.items():
            if key == "context_over":
                if context <= int(value):
                    return False
            elif key == "utc_window":
                if not _in_window(value, self._minute(at)):
                    return False
            elif key not in RULES and chosen.get(key) != value:
                return False
        return True


def _specificity(point: PricePoint) -> tuple[object, ...]:
    """More named dimensions win, then a time-of-day window, the later upstream date, the higher context tier.

    A window beats a date because a price list's dated set and its windows belong together, the windows on top.
    """
    named = [key for key in point.dims if key not in RULES]
    return (
        len(named),
        tuple(key in point.dims for key in WEIGHT),
        "utc_window" in point.dims,
        point.upstream_from or date.min,
        int(point.dims.get("context_over", 0)),
        EXACT.divide(point.price, Decimal(point.per)),  # the dearer one, so that the answer never depends on order
    )


def line_of(point: PricePoint, markup: Decimal) -> TariffLine:
    """The list price of a line where `markup` percent are in force.

    A price is what the operator pays upstream; one of the platform's own meters is a price to customers, unless a
    markup set on the line says that it is over a cost.
    """
    percent = point.markup if point.markup is not None else ZERO if point.platform else markup
    own = point.platform and point.markup is None
    return line_at(
        price_id=point.price_id,
        meter=point.meter,
        price_usd=point.price,
        per=point.per,
        unit=point.unit,
        markup_percent=percent,
        dims=point.dims,
        minimum=Decimal(point.dims.get("minimum", 0)),
        platform=point.platform,
        upstream=None if own else Upstream.of(point.price, point.per),
    )


def line_at(
    *,
    price_id: int,
    meter: str,
    price_usd: Decimal,
    per: int,
    unit: str,
    markup_percent: Decimal,
    dims: Mapping[str, str],
    minimum: Decimal,
    platform: bool,
    upstream: Upstream | None,
    applied: Applied | None = None,
    ladder: Ladder | None = None,
) -> TariffLine:
    """A line with its price made ready: USD, then the markup, then what `applied` takes off."""
    numerator, divisor = EXACT.multiply(price_usd, HUNDRED + markup_percent), Decimal(per) * HUNDRED
    for off in (applied.discount, applied.off) if applied else ():
        if off:
            numerator, divisor = EXACT.multiply(numerator, HUNDRED - off), EXACT.multiply(divisor, HUNDRED)
    return TariffLine(
        price_id=price_id,
        meter=meter,
        price_usd=price_usd,
        per=per,
        unit=unit,
        markup_percent=markup_percent,
        dims=dims,
        minimum=minimum,
        platform=platform,
        factor=_finite(numerator, divisor),
        numerator=numerator,
        divisor=divisor,
        applied=applied,
        ladder=ladder,
        upstream=upstream,
    )


def _finite(numerator: Decimal, divisor: Decimal) -> Decimal | None:
    """The quotient if 36 digits hold it exactly (a quantity of 21 digits then fits 60 too), else None."""
    context = Context(prec=36)
    quotient = context.divide(numerator, divisor)
    return None if context.flags[Inexact] else quotient
