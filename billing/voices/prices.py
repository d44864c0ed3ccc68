"""Which tiers can be chosen: those that the price book has a price for, as variants of the meter of voice clones."""

from datetime import datetime

from billing.credits import clock
from billing.pricing import book
from billing.pricing.tariff import PricePoint
from billing.voices.tiers import TIERS

METER, DIMENSION = "voice_clones", "tier"


def prices_of_tiers(at: datetime | None = None) -> dict[str, PricePoint]:
    """By tier, the price of a clone in force; a tier without one is not there and cannot be sold."""
    found = book.prices_for("")  # the platform's own meters, which are always there
    return {
        tier: point
        for point in (found.current(at or clock.now()) if found else ())
        for tier in TIERS
        if point.meter == METER and point.dims == {DIMENSION: tier}
    }
