"""A request for which credits are to be held, with everything that can be told without the wallet's lock."""

from dataclasses import dataclass
from datetime import datetime

from billing.foundation.site.selectors import site
from billing.metering.events import Source
from billing.pricing.rating import NO_ALLOWANCES
from billing.pricing.tariff import ModelPrices
from billing.usage.estimate import known_prices, rated
from billing.usage.expected import hold_size
from billing.usage.limits import check_limits
from billing.usage.sizing import Sized
from billing.usage.wanted import HoldWanted


@dataclass(frozen=True)
class HoldRequest:
    """It is well-formed, its model and meters have prices, and its plan allows it."""

    workspace_id: int
    source: Source
    asked: HoldWanted
    prices: ModelPrices
    size: Sized

    @property
    def label(self) -> str:
        """What its owner reads: the model and the task, or what is counted."""
        what = self.prices.ref or ", ".join(sorted(self.size.usage)) or "A request"
        return ", ".join(filter(None, (what, self.asked.wanted.task)))[:250]


def hold_request(workspace_id: int, source: Source, asked: HoldWanted, *, now: datetime) -> HoldRequest:
    """`asked`, sized and checked. Raises EventRejected, UsageRefused."""
    prices = known_prices(asked.wanted)
    size = hold_size(asked, prices, workspace_id=workspace_id, now=now)
    check_limits(workspace_id, usage=size.asked, variant=asked.wanted.variant, prices=prices)
    rated(size, asked.wanted, prices, at=now, allowances=NO_ALLOWANCES, usd_per_credit=site().usd_per_credit)
    return HoldRequest(workspace_id, source, asked, prices, size)
