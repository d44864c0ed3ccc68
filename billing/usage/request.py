"""A request for which credits are to be held, with everything that can be told without the wallet's lock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.foundation.site.selectors import site
from billing.ledger.book import Book
from billing.metering.counters import Counters
from billing.metering.events import Source
from billing.plans.limits import PlanLimits
from billing.pricing.agreed import Terms
from billing.pricing.rating import NO_ALLOWANCES, NOTHING_COUNTED, Rating
from billing.pricing.tariff import ModelPrices
from billing.pricing.terms import terms_for
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
    checked: Rating  # without anything included or counted, at `checked_at`, `usd_per_credit`
    checked_at: datetime
    usd_per_credit: Decimal
    terms: Terms

    @property
    def label(self) -> str:
        """What its owner reads: the model and the task, or what is counted."""
        what = self.prices.ref or ", ".join(sorted(self.size.usage)) or "A request"
        return ", ".join(filter(None, (what, self.asked.wanted.task)))[:250]

    def counted(self, book: Book) -> Mapping[str, Decimal]:
        """What the month has counted; a round trip where the price depends on it, and else nothing."""
        return Counters(self.terms, book=book).of(self.prices, self.size.usage, book.now)

    def rating(
        self,
        at: datetime,
        allowances: Mapping[str, Decimal],
        *,
        usd_per_credit: Decimal,
        counted: Mapping[str, Decimal] = NOTHING_COUNTED,
    ) -> Rating:
        """The price at `at` with what is still included, by meter, and was counted so far. Raises UsageRefused."""
        same = not allowances and not counted and usd_per_credit == self.usd_per_credit
        if same and self.prices.priced_alike(self.checked_at, at) and self.terms.alike(self.checked_at, at):
            return self.checked
        return rated(
            self.size,
            self.asked.wanted,
            self.prices,
            at=at,
            allowances=allowances,
            usd_per_credit=usd_per_credit,
            terms=self.terms,
            counted=counted,
        )


def hold_request(
    workspace_id: int, source: Source, asked: HoldWanted, *, limits: PlanLimits, now: datetime
) -> HoldRequest:
    """`asked`, sized and checked. Raises EventRejected, UsageRefused."""
    prices = known_prices(asked.wanted)
    size = hold_size(asked, prices, workspace_id=workspace_id, limits=limits, now=now)
    check_limits(workspace_id, limits, usage=size.asked, variant=asked.wanted.variant, prices=prices)
    face_value = site().usd_per_credit
    terms = terms_for(workspace_id)
    checked = rated(
        size, asked.wanted, prices, at=now, allowances=NO_ALLOWANCES, usd_per_credit=face_value, terms=terms
    )
    return HoldRequest(workspace_id, source, asked, prices, size, checked, now, face_value, terms)
