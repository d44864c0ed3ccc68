"""What described agents cost: every request rated by the price book, then multiplied. Pure: no Django, no database.

Sums are exact. For display each step is rounded up to whole credits, and a total is the sum of what is displayed; the
exact sum stands beside it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

from billing.credits.units import AmountOutOfRange
from billing.insights.estimator.agents import Step, Way
from billing.pricing.agreed import NO_TERMS, Terms
from billing.pricing.rating import Rating, rate
from billing.pricing.tariff import EXACT, ZERO, ModelPrices

# A price that never ends (a third of a dollar) is exact to 60 digits; a sum so close to a whole number is that number.
SETTLED = Decimal("1e-30")
ENDLESS = Decimal("Infinity")
ONE = Decimal(1)
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Amount:
    """Exact, in USD; and what it is in credits, exact and rounded up for display."""

    usd: Decimal
    usd_per_credit: Decimal

    @property
    def credits(self) -> Decimal:
        return settled(EXACT.divide(self.usd, self.usd_per_credit))

    @property
    def shown(self) -> int:
        """Whole credits, rounded up."""
        return int(self.credits.to_integral_value(ROUND_CEILING))

    def over(self, count: Decimal) -> "Amount":
        """One of `count` equal parts."""
        return Amount(EXACT.divide(self.usd, count), self.usd_per_credit)


@dataclass(frozen=True)
class Total:
    """The sum of lines: of what they show, and exact."""

    shown: int
    exact: Amount

    @property
    def shown_usd(self) -> Decimal:
        return self.shown * self.exact.usd_per_credit

    @property
    def differs(self) -> bool:
        return self.exact.credits != self.shown

    def usd_per(self, units: Decimal) -> Decimal:
        """USD of what is shown, for one of `units` (minutes of a call)."""
        return EXACT.divide(self.shown_usd, units)


@dataclass(frozen=True)
class MeterCost:
    """One meter of a step at one price: in a month, and in one of its conversations or calls."""

    meter: str
    quantity: Decimal  # of a month
    times: Decimal
    month: Amount

    @property
    def each(self) -> Decimal:
        """The quantity of one conversation or call."""
        return settled(EXACT.divide(self.quantity, self.times))

    @property
    def once(self) -> Amount:
        return self.month.over(self.times)

    def usd_for(self, units: int) -> Decimal:
        """What so many units of the meter cost, on average over the month."""
        return settled(EXACT.divide(EXACT.multiply(self.month.usd, Decimal(units)), self.quantity))


@dataclass(frozen=True)
class StepCost:
    """A step of an agent. With a `problem` it has no price, and nothing of it is in any sum."""

    step: Step
    lines: tuple[MeterCost, ...]
    times: Decimal
    month: Amount
    largest: Mapping[str, Decimal]  # of each meter, the most that a single request asks for
    note: str = ""
    problem: str = ""
    detail: str = ""

    @property
    def once(self) -> Amount:
        return self.month.over(self.times)


@dataclass(frozen=True)
class PartCost:
    """An agent, `times` a month; or the meters of a month, once."""

    name: str  # chat, call, extras
    steps: tuple[StepCost, ...]
    times: Decimal
    usd_per_credit: Decimal

    @property
    def once(self) -> Total:
        return total([step.once for step in self.steps], self.usd_per_credit)

    @property
    def month(self) -> Total:
        return total([step.month for step in self.steps], self.usd_per_credit)


@dataclass(frozen=True)
class Rates:
    """The prices of one instant, for one customer."""

    book: Mapping[str, ModelPrices | None]  # by what a step calls its model; "" the platform's own
    at: datetime
    usd_per_credit: Decimal
    terms: Terms = NO_TERMS

    def month(
        self, step: Step, usage: Mapping[str, Decimal], times: Decimal, counted: dict[str, Decimal]
    ) -> Iterator[tuple[Rating, Decimal]]:
        """`times` such requests: ratings, each with how many requests it holds for.

        That is one, unless a price depends on the quantity that the month has `counted`, which goes on counting.
        """
        left = times
        while left > 0:
            rating = self._rate(step, usage, counted)
            count, charged = left, dict[str, Decimal]()
            for line in rating.lines:
                if line.applied and line.applied.counter:
                    counter = line.applied.counter
                    charged[counter] = EXACT.add(charged.get(counter, ZERO), line.charged)
            for counter, each in charged.items():
                count = min(count, self._alike(counter, counted.get(counter, ZERO), each))
            yield rating, count
            for counter, each in charged.items():
                counted[counter] = EXACT.fma(each, count, counted.get(counter, ZERO))
            left = EXACT.subtract(left, count)

    def _rate(self, step: Step, usage: Mapping[str, Decimal], counted: Mapping[str, Decimal]) -> Rating:
        try:
            return rate(
                self.book.get(step.model),
                usage=usage,
                variant=step.variant,
                at=self.at,
                usd_per_credit=self.usd_per_credit,
                terms=self.terms,
                counted=counted,
            )
        except AmountOutOfRange:
            return Rating((), 0, "amount_out_of_range", "So much does not fit the ledger.")

    def _alike(self, counter: str, before: Decimal, each: Decimal) -> Decimal:
        """How many requests of `each` units lie below the next step of the month; at least the one at hand."""
        starts = (
            step.start for schedule in self.terms.schedules if schedule.counter == counter for step in schedule.steps
        )
        room = min((EXACT.subtract(start, before) for start in starts if start > before), default=None)
        if room is None or not each:
            return ENDLESS
        return max(EXACT.divide(room, each).to_integral_value(ROUND_CEILING) - 1, ONE)


def part(
    name: str, steps: Sequence[Step], times: Decimal, rates: Rates, counted: dict[str, Decimal] | None = None
) -> PartCost:
    """The cost of `steps`, `times` a month, each in the first of its ways that has a price.

    `counted`: what earlier parts of the month have counted; it is counted on. Problems are returned, not raised.
    """
    counted = {} if counted is None else counted
    return PartCost(name, tuple(_cost(step, times, rates, counted) for step in steps), times, rates.usd_per_credit)


def _cost(step: Step, times: Decimal, rates: Rates, counted: dict[str, Decimal]) -> StepCost:
    first, *others = step.ways
    found = problem = _way(step, first, times, rates, counted)
    for way in others:
        if found.problem == "unknown_meter":
            found = _way(step, way, times, rates, counted)
    return problem if found.problem else replace(found, note=_note(step, found))


def _note(step: Step, cost: StepCost) -> str:
    """That of the way which asks for what is billed: a request paid as one may have been asked for by its size."""
    billed = {line.meter for line in cost.lines}
    asking = (way for way in step.ways if any(not billed.isdisjoint(asked.usage) for asked in way.asked))
    way = next(asking, None)
    return cost.note if way is None else way.note


def _way(step: Step, way: Way, times: Decimal, rates: Rates, counted: dict[str, Decimal]) -> StepCost:
    quantities: dict[tuple[str, int], Decimal] = {}
    costs: dict[tuple[str, int], Decimal] = {}
    largest: dict[str, Decimal] = {}
    for asked in way.asked:
        for rating, count in rates.month(step, asked.usage, EXACT.multiply(asked.times, times), counted):
            if rating.problem:
                nothing = Amount(ZERO, rates.usd_per_credit)
                return StepCost(step, (), times, nothing, {}, problem=rating.problem, detail=rating.detail)
            for line in rating.lines:
                key = line.meter, line.price_id
                quantities[key] = EXACT.fma(line.quantity, count, quantities.get(key, ZERO))
                costs[key] = EXACT.fma(line.usd, count, costs.get(key, ZERO))
        for meter, quantity in asked.usage.items():
            largest[meter] = max(quantity, largest.get(meter, ZERO))
    lines = tuple(
        MeterCost(meter, quantity, times, Amount(costs[meter, price_id], rates.usd_per_credit))
        for (meter, price_id), quantity in quantities.items()
    )
    month = _sum((line.month for line in lines), rates.usd_per_credit)
    return StepCost(step, lines, times, month, largest, note=way.note)


def total(amounts: Sequence[Amount], usd_per_credit: Decimal) -> Total:
    """Lines, added up as they are shown and exactly."""
    return Total(sum(amount.shown for amount in amounts), _sum(amounts, usd_per_credit))


def together(totals: Sequence[Total], usd_per_credit: Decimal) -> Total:
    """Totals, added up the same way."""
    return Total(sum(each.shown for each in totals), _sum((each.exact for each in totals), usd_per_credit))


def settled(value: Decimal) -> Decimal:
    """`value` without the last of its 60 digits, in which a price that never ends is off."""
    return value.quantize(SETTLED, ROUND_HALF_EVEN, EXACT).normalize(EXACT)


def up_to_cents(usd: Decimal) -> Decimal:
    return settled(usd).quantize(CENT, ROUND_CEILING, EXACT)


def _sum(amounts: Iterable[Amount], usd_per_credit: Decimal) -> Amount:
    usd = ZERO
    for amount in amounts:
        usd = EXACT.add(usd, amount.usd)
    return Amount(usd, usd_per_credit)
