"""What a clone costs a workspace now. Amounts are nano-credits.

The price is that of the meter voice_clones in the variant of the tier, as the workspace pays it (markups, agreed
prices, steps of the month). A plan's included quantities are of usage that is reported; clones are paid in credits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.credits import clock
from billing.foundation.site.selectors import site
from billing.metering.counters import present
from billing.pricing.book import prices_for
from billing.pricing.rating import NOTHING_COUNTED, rate
from billing.pricing.terms import terms_for
from billing.voices.models import Voice, VoiceJob
from billing.voices.prices import DIMENSION, METER, prices_of_tiers
from billing.voices.tiers import TIERS

ONE = {METER: Decimal(1)}


@dataclass(frozen=True)
class Quote:
    """`full` is the price of the tier, `amount` what is charged: less what the tier that the voice has now costs."""

    tier: str
    full: int
    amount: int
    usd: Decimal
    at: datetime

    def snapshot(self) -> dict[str, Any]:
        """Kept with the job: what was agreed on."""
        return {
            "meter": METER,
            "tier": self.tier,
            "full_nano": self.full,
            "nano": self.amount,
            "usd": f"{self.usd:f}",
            "at": self.at.isoformat(),
        }


def quotes(workspace_id: int, *, voice: Voice | None = None, now: datetime | None = None) -> dict[str, Quote]:
    """By tier that is sold, lowest first. Of a voice that is paid for only the difference to a higher tier is charged:
    at today's prices, where its own tier is sold no more at what it was sold for, and nothing where it is dearer.
    """
    at = now or clock.now()
    sold = prices_of_tiers(at)
    costs = _costs(workspace_id, [tier for tier in TIERS if tier in sold], at)
    paid = 0
    if voice is not None and voice.state == Voice.State.ENABLED:
        paid = costs[voice.tier][0] if voice.tier in costs else _was_sold_for(voice)
    return {tier: Quote(tier, full, max(full - paid, 0), usd, at) for tier, (full, usd) in costs.items()}


def _was_sold_for(voice: Voice) -> int:
    charged = VoiceJob.objects.filter(voice=voice, charge__isnull=False).order_by("pk").last()
    return int((charged.price_snapshot or {})["full_nano"]) if charged else 0


def _costs(workspace_id: int, tiers: list[str], at: datetime) -> Mapping[str, tuple[int, Decimal]]:
    prices, terms = prices_for(""), terms_for(workspace_id)
    if prices is None or not tiers:
        return {}
    counts = terms.schedules or prices.aggregated
    counted = present(workspace_id, at) if counts else NOTHING_COUNTED
    found = {}
    for tier in tiers:
        rated = rate(
            prices,
            usage=ONE,
            variant={DIMENSION: tier},
            at=at,
            usd_per_credit=site().usd_per_credit,
            terms=terms,
            counted=counted,
        )
        if not rated.problem:
            found[tier] = (rated.nano, rated.usd)
    return found
