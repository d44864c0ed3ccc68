"""From counted usage to nano-credits. Pure: no Django, no database.

One event is rounded once, after its lines are summed: half-even, or up for holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import NamedTuple

from billing.credits.units import NANO, in_range
from billing.pricing import meters
from billing.pricing.agreed import NO_TERMS, Terms
from billing.pricing.tariff import EXACT, RULES, ZERO, Applied, Ladder, ModelPrices, Tariff, TariffLine, clean_variant

ONE = Decimal(1)
HALF = Decimal("0.5")
NANO_EXPONENT = Decimal(9)
# Closer than this to a rounding boundary, 60 digits are not proof enough and fractions decide.
DOUBT = Decimal("1e-15")
SURELY_NEAR = HALF - DOUBT
# Kept per tariff; senders choose which meters they name, so there must be an end to it.
MOST_NESTINGS = 200
NO_ALLOWANCES: Mapping[str, Decimal] = {}
NOTHING_COUNTED: Mapping[str, Decimal] = {}


# Tuples, because a batch makes thousands of them: a frozen dataclass takes six times as long to make.
class Line(NamedTuple):
    """One meter of a rated event. `quantity` is what this line bills, parts with a price of their own left out.
    `upstream` is what it costs the operator, in nano-USD: what is included in a plan costs as much as what is charged.
    """

    meter: str
    quantity: Decimal
    price_id: int
    price_usd: Decimal
    per: int
    markup_percent: Decimal
    from_allowance: Decimal
    usd: Decimal
    credits: Decimal
    applied: Applied | None = None  # what made it another price than the list's
    upstream: int = 0

    @property
    def charged(self) -> Decimal:
        """The quantity that is paid for, which counts towards steps."""
        return EXACT.subtract(self.quantity, self.from_allowance)


class Rating(NamedTuple):
    """The price of one event. With a `problem` nothing is charged: the event waits for a price. `usage` is what was
    counted, which is what was sent but for meters that are not summed.
    """

    lines: tuple[Line, ...]
    nano: int
    problem: str = ""
    detail: str = ""
    usage: Mapping[str, Decimal] = NOTHING_COUNTED

    @property
    def usd(self) -> Decimal:
        total = ZERO
        for line in self.lines:
            total = EXACT.add(total, line.usd)
        return total


def rate(
    prices: ModelPrices | None,
    *,
    usage: Mapping[str, Decimal],
    variant: Mapping[str, str],
    at: datetime,
    allowances: Mapping[str, Decimal] = NO_ALLOWANCES,
    usd_per_credit: Decimal,
    round_up: bool = False,
    terms: Terms = NO_TERMS,
    counted: Mapping[str, Decimal] = NOTHING_COUNTED,
) -> Rating:
    """Rate `usage` at the prices in force at `at`, as a customer with these `terms` pays them.

    `allowances` are the quantities still included, by meter; they are used up before credits. `counted` is what the
    month has counted so far, by counter (`Ladder.counter`, `meters.peak_counter`); nothing means none. Problems
    ("unknown_model", "unknown_meter") are returned, not raised; raises AmountOutOfRange when the ledger could not
    hold the charge.
    """
    if prices is None:
        return Rating((), 0, "unknown_model", "This model is not in the catalogue.")
    if prices.aggregated and not prices.aggregated.keys().isdisjoint(usage):
        usage = meters.aggregate(usage, prices.aggregated, counted)
    sent = usage
    parts = prices.parts
    nested = not parts.isdisjoint(usage)
    context = _context(prices, usage)
    if terms is NO_TERMS:
        tariff = prices.tariff(at=at, variant=variant, context=context)
    else:
        tariff = terms.tariff(prices, at=at, variant=variant, context=context)
    if prices.same_thing:
        usage = meters.without_repeats(usage, prices.same_thing, tariff.lines, prices.ancestors)
    by_request = False
    if tariff.fee is not None:
        by_request, usage = _paid_by_request(tariff, usage, prices)
    if nested:
        billed, missing = _nested_quantities(tariff, usage, prices)
    else:
        billed, missing = _plain_quantities(tariff, usage)
    if missing:
        return Rating((), 0, "unknown_meter", _explain(prices, missing, variant, at))
    if (
        tariff.fee is not None
        and not usage.get("requests")
        and (by_request or any(not line.platform for line, _ in billed))
    ):
        billed.append((tariff.fee, ONE))
    lines: list[Line] = []
    credits = ZERO
    for price, quantity in billed:
        if price.minimum and quantity < price.minimum:
            quantity = price.minimum
        free = ZERO
        if allowances and (free := min(quantity, max(allowances.get(price.meter, ZERO), ZERO))):
            # Two lines may be priced by one meter, which is included once.
            allowances = {**allowances, price.meter: allowances[price.meter] - free}
        line = _line(price, quantity, free, usd_per_credit)
        if price.ladder is None:
            lines.append(line)
            credits = EXACT.add(credits, line.credits)
            continue
        before = counted.get(price.ladder.counter, ZERO)
        counted = {**counted, price.ladder.counter: EXACT.add(before, line.charged)}
        for part in _climb(line, price.ladder, before, usd_per_credit):
            lines.append(part)
            credits = EXACT.add(credits, part.credits)
    nano = _rounded(credits, lines, usd_per_credit, round_up=round_up)
    return Rating(tuple(lines), in_range(nano), "", "", sent)


def _climb(line: Line, ladder: Ladder, before: Decimal, usd_per_credit: Decimal) -> Iterator[Line]:
    """`line` at the prices of the steps it lies on, `before` units having been counted: graduated, one part for each
    step; by volume, whole at the price of the highest step that it reaches.
    """
    after, free = EXACT.add(before, line.charged), line.from_allowance
    rungs = ladder.rungs
    if not ladder.graduated or after == before:
        reached = [rung for start, rung in rungs if start <= after]
        yield _line(reached[-1], line.quantity, free, usd_per_credit)
        return
    ends = [start for start, _ in rungs[1:]]
    for (start, rung), end in zip(rungs, [*ends, None], strict=True):
        upper = after if end is None else min(after, end)
        part = EXACT.subtract(upper, max(before, start))
        if part > 0:
            yield _line(rung, EXACT.add(part, free), free, usd_per_credit)
            free = ZERO


def _context(prices: ModelPrices, usage: Mapping[str, Decimal]) -> Decimal:
    """Input tokens of the event, cached ones included: what context tiers are measured by."""
    if not prices.contexts:
        return ZERO
    sent = usage.get("input_tokens") or usage.get("embedding_tokens")
    if sent:
        return sent
    parts = tuple(meter for meter, quantity in usage.items() if quantity)
    nested = meters.nesting(parts, {"input_tokens"}, prices.ancestors)
    return nested.quantities(usage).get("input_tokens", ZERO)


def _paid_by_request(
    tariff: Tariff, usage: Mapping[str, Decimal], prices: ModelPrices
) -> tuple[bool, Mapping[str, Decimal]]:
    """Whether the request is paid as one, whatever it was measured by; and the usage without those measures."""
    measures = meters.MEASURES.get(prices.modality, ())
    if not any(usage.get(meter) for meter in measures):
        return False, usage
    if any(not line.platform and line is not tariff.fee for line in tariff.lines.values()):
        return False, usage
    return True, {meter: quantity for meter, quantity in usage.items() if meter not in measures}


def _plain_quantities(
    tariff: Tariff, usage: Mapping[str, Decimal]
) -> tuple[list[tuple[TariffLine, Decimal]], Sequence[str]]:
    billed, missing = [], []
    for meter, quantity in usage.items():
        if not quantity:
            continue
        line = tariff.lines.get(meter)
        if line is None:
            missing.append(meter)
        else:
            billed.append((line, quantity))
    return billed, missing


def _nested_quantities(
    tariff: Tariff, usage: Mapping[str, Decimal], prices: ModelPrices
) -> tuple[list[tuple[TariffLine, Decimal]], Sequence[str]]:
    """Parts are taken out of their wholes; a part without a price is billed inside the whole that has one."""
    sent = tuple(meter for meter, quantity in usage.items() if quantity)
    nested = tariff.nestings.get(sent)
    if nested is None:
        nested = meters.nesting(sent, tariff.lines, prices.ancestors)
        if len(tariff.nestings) < MOST_NESTINGS:
            tariff.nestings[sent] = nested
    if nested.missing:
        return [], nested.missing
    own = nested.quantities(usage)
    return [(tariff.lines[meter], own[meter]) for meter in nested.order if own[meter]], ()


def _line(price: TariffLine, quantity: Decimal, free: Decimal, usd_per_credit: Decimal) -> Line:
    usd = price.usd(EXACT.subtract(quantity, free) if free else quantity)
    return Line(
        price.meter,
        quantity,
        price.price_id,
        price.price_usd,
        price.per,
        price.markup_percent,
        free,
        usd,
        EXACT.divide(usd, usd_per_credit),
        price.applied,
        price.upstream.nano(quantity) if price.upstream is not None else 0,
    )


def _rounded(credits: Decimal, lines: list[Line], usd_per_credit: Decimal, *, round_up: bool) -> int:
    nano = EXACT.scaleb(credits, NANO_EXPONENT)
    rounded = nano.to_integral_value(ROUND_CEILING if round_up else ROUND_HALF_EVEN)
    if rounded == nano:  # most prices are whole nano-credits per unit
        return int(rounded)
    off = abs(nano - rounded)
    if off > SURELY_NEAR if not round_up else ONE - DOUBT < off < ONE:
        return _rounded_fraction(lines, usd_per_credit, round_up=round_up)
    return int(rounded)


def _rounded_fraction(lines: list[Line], usd_per_credit: Decimal, *, round_up: bool) -> int:
    """The same sum without any rounding on the way."""
    exact = sum(
        (
            Fraction(line.quantity - line.from_allowance)
            * Fraction(line.price_usd)
            * (100 + Fraction(line.markup_percent))
            / (100 * line.per)
            * (_left(line.applied) if line.applied else 1)
            for line in lines
        ),
        Fraction(0),
    )
    nano = exact / Fraction(usd_per_credit) * NANO
    return -(-nano.numerator // nano.denominator) if round_up else round(nano)


def _left(applied: Applied) -> Fraction:
    """The share of a marked-up price that discount and step leave."""
    return (100 - Fraction(applied.discount)) * (100 - Fraction(applied.off)) / 10_000


def _explain(prices: ModelPrices, missing: Sequence[str], variant: Mapping[str, str], at: datetime) -> str:
    """Which meters, or which variants of them, have no price."""
    name = prices.ref or "the platform"
    said = clean_variant(variant)
    reasons = []
    for meter in missing:
        offers = {
            tuple(sorted((key, value) for key, value in point.dims.items() if key not in RULES))
            for point in prices.points
            if point.meter == meter and (not point.starts or point.starts <= at) and (not point.ends or at < point.ends)
        }
        if not offers:
            reasons.append(f"{meter} has no price at {name}")
            continue
        sent = ", ".join(f"{key}={value}" for key, value in said.items()) or "none"
        known = "; ".join(", ".join(f"{key}={value}" for key, value in offer) for offer in sorted(offers)[:12])
        reasons.append(f"{meter} of {name} has no price for variant {sent}; priced: {known}")
    return ". ".join(reasons) + "."
