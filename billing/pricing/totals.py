"""What sums of usage cost on a model. Pure: no Django, no database.

Sums do not say how large each request was, so prices of long contexts and minimums do not apply.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from billing.pricing import meters
from billing.pricing.agreed import NO_TERMS, Terms
from billing.pricing.tariff import EXACT, ZERO, ModelPrices, TariffLine


def cost_of_totals(
    prices: ModelPrices,
    *,
    usage: Mapping[str, Decimal],
    requests: int,
    at: datetime,
    variant: Mapping[str, str] | None = None,
    terms: Terms = NO_TERMS,
) -> Decimal | None:
    """USD for the sums `usage` of so many requests at the prices in force at `at`, as a customer of `terms` pays them
    for a whole month, exact.

    None when something of it has no price there.
    """
    tariff = terms.tariff(prices, at=at, variant=variant or {})
    counted = {meter: quantity for meter, quantity in usage.items() if quantity}
    if prices.same_thing:
        counted = dict(meters.without_repeats(counted, prices.same_thing, tariff.lines, prices.ancestors))
    nested = meters.nesting(tuple(counted), tariff.lines, prices.ancestors)
    if nested.missing:
        return None
    own = nested.quantities(counted)
    total = ZERO
    for meter in nested.order:
        total = EXACT.add(total, _usd(tariff.lines[meter], own[meter]))
    if tariff.fee is not None and "requests" not in counted:
        total = EXACT.add(total, _usd(tariff.fee, Decimal(requests)))
    return total


def _usd(line: TariffLine, quantity: Decimal) -> Decimal:
    """At the steps that the quantity climbs, from zero."""
    if line.ladder is None:
        return line.usd(quantity)
    rungs = line.ladder.rungs
    if not line.ladder.graduated:
        return [rung for start, rung in rungs if start <= quantity][-1].usd(quantity)
    total = ZERO
    for place, (start, rung) in enumerate(rungs):
        end = rungs[place + 1][0] if place + 1 < len(rungs) else quantity
        part = EXACT.subtract(min(end, quantity), start)
        total = EXACT.add(total, rung.usd(part)) if part > 0 else total
    return total
