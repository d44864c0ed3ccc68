"""Pricing what happened anew: many events, each exactly as `rate` does it. Pure: no Django, no database."""

import json
from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from billing.credits.units import AmountOutOfRange
from billing.pricing.rating import NO_ALLOWANCES, Rating, rate
from billing.pricing.tariff import ModelPrices

Usage = Mapping[str, Decimal]
MOST_KEPT = 50_000
TOO_MUCH = "The charge would be larger than the ledger can hold."


class Replayed(NamedTuple):
    """What an event costs. With a `problem` it cannot be priced. `later`: at the present price, there was none then."""

    nano: int
    problem: str = ""
    later: bool = False


class Replay:
    """Prices of one model for events of the past. Events that are alike are rated once.

    An event is rated at the price in force when it occurred; where there was none then, at the one in force at `now`.
    `change` is what would have been different about the usage.
    """

    def __init__(
        self,
        prices: ModelPrices,
        *,
        usd_per_credit: Decimal,
        now: datetime,
        change: Callable[[Usage], Usage] | None = None,
    ) -> None:
        self.prices = prices
        self._usd_per_credit = usd_per_credit
        self._now = now
        self._change = change
        self._kept: dict[tuple[Any, ...], Replayed] = {}

    def cost(self, usage: str, variant: str, at: datetime, included: str = "") -> Replayed:
        """The cost of an event whose columns are the JSON texts `usage` and `variant`; `included`: its lines, if some
        of it was covered by an allowance. The same quantities are covered here.
        """
        key = usage, variant, included, bisect_right(self.prices.edges, at), self._minute(at)
        found = self._kept.get(key)
        if found is None:
            found = self._cost(quantities(usage), json.loads(variant), at, was_included(included))
            if len(self._kept) < MOST_KEPT:
                self._kept[key] = found
        return found

    def rating(self, usage: Usage, variant: Mapping[str, str], at: datetime, allowances: Usage) -> Rating:
        """Rate as it is done when usage is recorded. Raises AmountOutOfRange."""
        return rate(
            self.prices,
            usage=usage,
            variant=variant,
            at=at,
            allowances=allowances,
            usd_per_credit=self._usd_per_credit,
        )

    def _cost(self, usage: Usage, variant: Mapping[str, str], at: datetime, allowances: Usage) -> Replayed:
        if self._change is not None:
            usage = self._change(usage)
        try:
            then = self.rating(usage, variant, at, allowances)
            if not then.problem:
                return Replayed(then.nano)
            present = self.rating(usage, variant, self._now, allowances)
        except AmountOutOfRange:
            return Replayed(0, TOO_MUCH)
        return Replayed(0, present.detail) if present.problem else Replayed(present.nano, later=True)

    def _minute(self, at: datetime) -> int:
        if not self.prices.windows:
            return 0
        utc = at.astimezone(UTC)
        return utc.hour * 60 + utc.minute


def quantities(usage: str) -> dict[str, Decimal]:
    """The quantities of an event's `usage` column."""
    return {meter: Decimal(quantity) for meter, quantity in json.loads(usage).items()}


def was_included(lines: str) -> Usage:
    """What allowances covered of an event, by meter, from its `lines` column; nothing for an empty text."""
    if not lines:
        return NO_ALLOWANCES
    covered: dict[str, Decimal] = {}
    for line in json.loads(lines):
        if quantity := Decimal(line["from_allowance"]):
            covered[line["meter"]] = covered.get(line["meter"], Decimal(0)) + quantity
    return covered
