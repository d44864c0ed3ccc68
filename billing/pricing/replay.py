"""Pricing what happened anew: many events, each exactly as `rate` does it. Pure: no Django, no database."""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from billing.credits.units import AmountOutOfRange
from billing.pricing.agreed import NO_TERMS, Terms
from billing.pricing.meters import MAX, peak_counter
from billing.pricing.rating import NO_ALLOWANCES, NOTHING_COUNTED, Line, Rating, rate
from billing.pricing.tariff import ZERO, ModelPrices

Usage = Mapping[str, Decimal]
MOST_KEPT = 50_000
TOO_MUCH = "The charge would be larger than the ledger can hold."


class Replayed(NamedTuple):
    """What an event costs. With a `problem` it cannot be priced. `later`: at the present price, there was none then."""

    nano: int
    problem: str = ""
    later: bool = False


class Counts:
    """What months have counted in a replay, for prices that depend on it."""

    def __init__(self) -> None:
        self._months: dict[int, dict[str, Decimal]] = {}

    def of(self, month: int) -> dict[str, Decimal]:
        return self._months.setdefault(month, {})

    def add(self, month: int, lines: Iterable[Line]) -> None:
        """Count rated lines towards their steps."""
        for line in lines:
            if line.applied is not None and line.applied.counter:
                self._add(month, line.applied.counter, line.charged)

    def add_stored(self, month: int, lines: str) -> None:
        """Count the `lines` column of an event that stays as it was."""
        for line in json.loads(lines) if lines else ():
            if name := line.get("counter"):
                self._add(month, name, Decimal(line["quantity"]) - Decimal(line["from_allowance"]))

    def add_peaks(self, month: int, usage: Usage, aggregated: Mapping[str, str]) -> None:
        """Hold the values of an event against the month's highest."""
        counted = self.of(month)
        for meter, how in aggregated.items():
            if how == MAX and (value := usage.get(meter)):
                name = peak_counter(meter)
                counted[name] = max(value, counted.get(name, ZERO))

    def _add(self, month: int, name: str, quantity: Decimal) -> None:
        counted = self.of(month)
        counted[name] = counted.get(name, ZERO) + quantity


class Replay:
    """Prices of one model, as a customer with `terms` pays them, for events of the past. Events that are alike are
    rated once, unless their price depends on what the month has counted (`counting`).

    An event is rated at the price in force when it occurred; where there was none then, at the one in force at `now`.
    `change` is what would have been different about the usage.
    """

    def __init__(
        self,
        prices: ModelPrices,
        *,
        usd_per_credit: Decimal,
        now: datetime,
        terms: Terms = NO_TERMS,
        counts: Counts | None = None,
        change: Callable[[Usage], Usage] | None = None,
    ) -> None:
        self.prices = prices
        self.terms = terms
        self.counts = counts if counts is not None else Counts()
        self.counting = terms.counts(prices) or MAX in prices.aggregated.values()
        self.meters = frozenset(point.meter for point in prices.points)
        self._usd_per_credit = usd_per_credit
        self._now = now
        self._change = change
        self._kept: dict[tuple[Any, ...], Replayed] = {}

    def cost(self, usage: str, variant: str, at: datetime, lines: str = "", month: int = 0) -> Replayed:
        """The cost of an event whose columns are the JSON texts `usage` and `variant`. `lines`: those it was charged
        by, if some of it was covered by an allowance: the same quantities are covered here. `month`: which one counts
        it.
        """
        if self.counting:
            return self._cost(quantities(usage), variant_of(variant), at, was_included(lines), month)
        key = usage, variant, lines, self._stretch(at)
        found = self._kept.get(key)
        if found is None:
            found = self._cost(quantities(usage), variant_of(variant), at, was_included(lines), month)
            if len(self._kept) < MOST_KEPT:
                self._kept[key] = found
        return found

    def rating(
        self, usage: Usage, variant: Mapping[str, str], at: datetime, allowances: Usage, month: int = 0
    ) -> Rating:
        """Rate as it is done when usage is recorded; counts nothing. Raises AmountOutOfRange."""
        return rate(
            self.prices,
            usage=usage,
            variant=variant,
            at=at,
            allowances=allowances,
            usd_per_credit=self._usd_per_credit,
            terms=self.terms,
            counted=self.counts.of(month) if self.counting else NOTHING_COUNTED,
        )

    def count(self, usage: Usage, rating: Rating, month: int) -> None:
        """Count a rated event for those after it."""
        if self.counting:
            self.counts.add(month, rating.lines)
            self.counts.add_peaks(month, usage, self.prices.aggregated)

    def pass_by(self, usage: str, lines: str, month: int) -> None:
        """Count an event that stays as it was charged."""
        self.counts.add_stored(month, lines)
        if self.prices.aggregated:
            self.counts.add_peaks(month, quantities(usage), self.prices.aggregated)

    def _cost(self, usage: Usage, variant: Mapping[str, str], at: datetime, allowances: Usage, month: int) -> Replayed:
        if self._change is not None:
            usage = self._change(usage)
        try:
            found = self.rating(usage, variant, at, allowances, month)
            later = bool(found.problem)
            if later:
                found = self.rating(usage, variant, self._now, allowances, month)
        except AmountOutOfRange:
            return Replayed(0, TOO_MUCH)
        if found.problem:
            return Replayed(0, found.detail)
        self.count(usage, found, month)
        return Replayed(found.nano, later=later)

    def _stretch(self, at: datetime) -> tuple[int, ...]:
        """Equal for instants at which every price is the same."""
        found = bisect_right(self.prices.edges, at), bisect_right(self.terms.edges, at)
        if not self.prices.windows:
            return found
        utc = at.astimezone(UTC)
        return (*found, utc.hour * 60 + utc.minute)


def quantities(usage: str) -> dict[str, Decimal]:
    """The quantities of an event's `usage` column."""
    return {meter: Decimal(quantity) for meter, quantity in json.loads(usage).items()}


@lru_cache(maxsize=1_024)
def variant_of(variant: str) -> Mapping[str, str]:
    """An event's `variant` column; few differ."""
    return MappingProxyType(json.loads(variant))


def was_included(lines: str) -> Usage:
    """What allowances covered of an event, by meter, from its `lines` column; nothing for an empty text."""
    if not lines:
        return NO_ALLOWANCES
    covered: dict[str, Decimal] = {}
    for line in json.loads(lines):
        if quantity := Decimal(line["from_allowance"]):
            covered[line["meter"]] = covered.get(line["meter"], ZERO) + quantity
    return covered
