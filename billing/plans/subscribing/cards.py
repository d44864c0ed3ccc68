"""A plan as it stands among those to choose from."""

from typing import Any

from billing.plans.models import Subscription
from billing.plans.shown import terms_facts
from billing.plans.subscribing.choices import Offer, choice_of, price_of


def card_of(offer: Offer, interval: str, row: Subscription | None) -> dict[str, Any]:
    """A plan by the month or year: its rungs with their prices. It is current when a rung is what the workspace has."""
    own = choice_of(row) if row else None
    rungs = []
    for tier in [None, *offer.tiers]:
        price = 0 if offer.free else price_of(offer.version, tier, interval)  # nothing is nothing by the year, too
        if price is None or (not price and not offer.free):
            continue
        sold = tier or offer.version
        rungs.append(
            {
                "number": tier.number if tier else 0,
                "credits": sold.monthly_credits,
                "price": price,
                "current": bool(
                    own
                    and own.version.pk == offer.version.pk
                    and own.tier == tier
                    and (own.interval == interval or not own.interval)
                ),
            }
        )
    return {
        "version": offer.version,
        "free": offer.free,
        "rungs": rungs,
        "terms": terms_facts(offer.version),
        "current": bool(own and own.version.pk == offer.version.pk),
        "only_current": bool(rungs) and all(rung["current"] for rung in rungs),
    }
