"""Sharing a charge that was rounded once among its lines. Pure."""

from collections.abc import Sequence
from decimal import Context, Decimal

from billing.credits.units import NANO

_CONTEXT = Context(prec=60)
_NANO = Decimal(NANO)


def largest_remainder(nano: int, exact: Sequence[Decimal]) -> list[int]:
    """Whole nano-credits per line that add up to `nano`, each within one of its own exact credits.

    Every line gets its floor; what is missing goes one by one to the largest fractions, earlier lines first on a tie.
    """
    if len(exact) < 2:
        return [nano] * len(exact)
    scaled = [_CONTEXT.multiply(credits, _NANO) for credits in exact]
    floors = [int(share) for share in scaled]  # amounts are never negative
    missing = nano - sum(floors)
    if missing:
        fraction = [_CONTEXT.subtract(share, Decimal(floor)) for share, floor in zip(scaled, floors, strict=True)]
        order = sorted(range(len(floors)), key=lambda index: (-fraction[index], index))
        if not 0 <= missing <= len(order):  # the total was not made by rounding the sum of these lines
            floors[order[0]] += missing
            return floors
        for index in order[:missing]:
            floors[index] += 1
    return floors
