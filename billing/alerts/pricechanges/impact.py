"""What a change would have meant for a workspace's last 30 days of a model: its requests priced at both."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from billing.alerts.pricechanges.changes import ModelChange
from billing.alerts.pricechanges.finding import JUST_BEFORE, USED_WITHIN
from billing.foundation.site.selectors import site
from billing.metering.selectors.past import past_events
from billing.pricing.book import prices_of
from billing.pricing.replay import Replay
from billing.pricing.tariff import ModelPrices
from billing.pricing.terms import terms_for

DAY = timedelta(days=1)


@dataclass(slots=True)
class Impact:
    """`before` and `after`: nano-credits of all these requests at the old and at the new prices."""

    requests: int = 0
    before: int = 0
    after: int = 0

    @property
    def difference(self) -> int:
        """Positive: they would have cost more."""
        return self.after - self.before


def impact(workspace_id: int, change: ModelChange, *, now: datetime) -> Impact:
    """The 30 days before the change, or before `now` while it is still to come. Requests that wait for a price or were
    taken back do not count. Steps of tiers are climbed from the beginning of these days.
    """
    until = min(change.at, now)
    prices = prices_of([change.key])[change.key]
    terms, face = terms_for(workspace_id), site().usd_per_credit
    old, new = (Replay(prices, usd_per_credit=face, now=change.at, terms=terms) for _ in range(2))
    found = Impact()
    for event in past_events(workspace_id, starts=[until - USED_WITHIN], until=until, models=[change.key]):
        if event.waits or event.reversed:
            continue
        last, first = _instants(prices, change.at, event.at)
        before = old.cost(event.usage, event.variant, last, event.lines, event.month)
        after = new.cost(event.usage, event.variant, first, event.lines, event.month)
        found.requests += 1
        if not (before.problem or after.problem):
            found.before += before.nano
            found.after += after.nano
    return found


def _instants(prices: ModelPrices, change: datetime, at: datetime) -> tuple[datetime, datetime]:
    """Just before and at the change; where prices depend on the time of day, at the time of day of `at`."""
    if not prices.windows:
        return change - JUST_BEFORE, change
    clock = time(at.hour, at.minute, tzinfo=at.tzinfo)
    after = datetime.combine(change.astimezone(at.tzinfo).date(), clock)
    if after < change:
        after += DAY
    return after - DAY, after
