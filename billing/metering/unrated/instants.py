"""As of when an event that waits is priced. By itself at the prices of its own time; where staff decide so, at the
first prices after it that cover all of it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from billing.credits.units import AmountOutOfRange
from billing.foundation.site.selectors import site
from billing.metering.events import EventInput
from billing.metering.models import UsageEvent
from billing.pricing.book import prices_for
from billing.pricing.rating import rate
from billing.pricing.tariff import ModelPrices

DAY = timedelta(days=1)


def stored_input(row: UsageEvent) -> EventInput:
    """What was reported, as far as its price depends on it. Its hold ended when it was recorded."""
    return EventInput(
        event_id=row.event_id,
        model=f"{row.provider}/{row.model}" if row.provider and row.model else row.model,
        usage={meter: Decimal(quantity) for meter, quantity in row.usage.items()},
        variant=row.variant,
        occurred_at=row.occurred_at,
        agent=row.agent,
        app=row.app,
        task=row.task,
        end_user=row.end_user,
    )


def priced_as_of(row: UsageEvent) -> datetime:
    """The instant whose prices count: when it occurred, or was recorded where the reporter's clock was ahead."""
    return min(row.occurred_at, row.recorded_at)


def missing(row: UsageEvent, at: datetime) -> str:
    """What keeps the event from being charged at the prices of `at`; empty when nothing does. Raises AmountOutOfRange
    for more than the ledger can hold.
    """
    event = stored_input(row)
    rating = rate(
        prices_for(event.model),
        usage=event.usage,
        variant=event.variant,
        at=at,
        usd_per_credit=Decimal(site().usd_per_credit),
    )
    return rating.detail


def later_price(row: UsageEvent, now: datetime) -> datetime | None:
    """The first instant after its own, up to `now`, whose prices cover all of the event; None: its own do, or none."""
    at = priced_as_of(row)
    prices = prices_for(stored_input(row).model)
    if prices is None or _covered(row, at):
        return None
    return next((moment for moment in _changes(prices, at, now) if _covered(row, moment)), None)


def _covered(row: UsageEvent, at: datetime) -> bool:
    try:
        return not missing(row, at)
    except AmountOutOfRange:  # there is a price: another one must not be looked for
        return True


def _changes(prices: ModelPrices, at: datetime, now: datetime) -> Iterator[datetime]:
    """The instants between `at` and `now` at which prices changed; where they depend on the time of the day, the next
    ones at that of `at`.
    """
    for edge in prices.edges:
        moment = at + -(-(edge - at) // DAY) * DAY if prices.windows else edge
        if at < edge and moment <= now:
            yield moment
