"""What the running resources of a workspace cost, and how long its balance covers them. Amounts are nano-credits.

Days are priced at the prices in force now, as the workspace pays them; what its plan includes of a meter comes first,
as when they are billed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Sum

from billing.credits.units import MAX_NANO, AmountOutOfRange
from billing.foundation.site.selectors import site
from billing.ledger import selectors as ledger
from billing.metering.counters import present
from billing.metering.selectors.included import allowances
from billing.plans.models import Resource
from billing.plans.resources.days import DAY, day_of, starts
from billing.plans.resources.kinds import DAILY, billed
from billing.pricing.agreed import Terms
from billing.pricing.book import prices_for
from billing.pricing.rating import NOTHING_COUNTED, rate
from billing.pricing.tariff import ModelPrices
from billing.pricing.terms import terms_for

DAYS_COVERED = 2  # a balance that covers fewer days to come is warned
FURTHEST = 3_650  # days; whatever lasts longer has no end worth telling


@dataclass(frozen=True)
class Tariff:
    """What daily meters cost a workspace at an instant, as it is charged: terms, what the month has counted, and what
    its plan still includes of each meter (`left`).
    """

    at: datetime
    prices: ModelPrices | None
    terms: Terms
    counted: Mapping[str, Decimal]
    left: Mapping[str, Decimal]
    usd_per_credit: Decimal

    def cost(self, usage: Mapping[str, Decimal], *, included: bool = False) -> int:
        """Nano-credits of these quantities, priced meter by meter: what has no price costs nothing yet, its events
        wait for one. More than the ledger could hold is the most that it can.
        """
        return min(sum(self._meter(meter, quantity, included) for meter, quantity in usage.items()), MAX_NANO)

    def _meter(self, meter: str, quantity: Decimal, included: bool) -> int:
        try:
            rated = rate(
                self.prices,
                usage={meter: quantity},
                variant={},
                at=self.at,
                allowances=self.left if included else {},
                usd_per_credit=self.usd_per_credit,
                terms=self.terms,
                counted=self.counted,
            )
        except AmountOutOfRange:
            return MAX_NANO
        return rated.nano


def tariff(workspace_id: int, now: datetime) -> Tariff:
    prices, terms = prices_for(""), terms_for(workspace_id)
    counts = terms.schedules or (prices is not None and prices.aggregated)
    return Tariff(
        at=now,
        prices=prices,
        terms=terms,
        counted=present(workspace_id, now) if counts else NOTHING_COUNTED,
        left={each.meter: each.left for each in allowances(workspace_id, now)},
        usd_per_credit=site().usd_per_credit,
    )


@dataclass(frozen=True)
class Cover:
    """What runs, and what there is to pay for it. `balance`: the credits, those on hold among them, and the plan's
    overdraft, less the debt. What runs today is paid: a day is billed when it begins.
    """

    balance: int
    usage: Mapping[str, Decimal]  # of a day, by meter
    behind: Mapping[str, Decimal]  # of days that have begun and are not billed yet
    prices: Tariff | None  # None where nothing runs

    @property
    def daily_cost(self) -> int:
        """Of a day, before what the plan includes."""
        return self.prices.cost(self.usage) if self.prices else 0

    @property
    def enough(self) -> bool:
        """For the next 48 hours."""
        return self.covers(DAYS_COVERED)

    def covers(self, days: int) -> bool:
        """Whether so many days to come are paid for. What costs nothing always is, also of a wallet in debt."""
        if self.prices is None:
            return True
        usage = {meter: quantity * days + self.behind.get(meter, Decimal(0)) for meter, quantity in self.usage.items()}
        cost = self.prices.cost(usage, included=True)
        return cost == 0 or cost <= self.balance


def cover(workspace_id: int, now: datetime) -> Cover:
    balance = ledger.balance(workspace_id, now)
    # Holds count, so that requests that come and go do not let a balance fall below its bound and rise again.
    there = balance.available + balance.held + balance.overdraft_limit - balance.debt
    usage = running(workspace_id)
    if not usage:
        return Cover(there, {}, {}, None)
    return Cover(there, usage, _behind(workspace_id, day_of(now)), tariff(workspace_id, now))


def running(workspace_id: int) -> dict[str, Decimal]:
    """Quantity by meter of a day of all that runs."""
    living = Resource.objects.filter(workspace_id=workspace_id, deleted_at=None, kind__in=DAILY)
    sums = living.values_list("kind").annotate(Sum("quantity")).order_by("kind")
    return {billed(kind).meter: quantity for kind, quantity in sums}


def _behind(workspace_id: int, today: date) -> dict[str, Decimal]:
    """Of days that wait for the job, next to always none. Else a top-up between midnight and the job would seem to
    reach further than it does.
    """
    due = Resource.objects.filter(workspace_id=workspace_id, deleted_at=None, kind__in=DAILY, next_day__lte=today)
    found: dict[str, Decimal] = {}
    for kind, quantity, next_day in due.values_list("kind", "quantity", "next_day"):
        if next_day is not None:
            meter = billed(kind).meter
            found[meter] = found.get(meter, Decimal(0)) + quantity * ((today - next_day).days + 1)
    return found


def lasts_until(found: Cover, now: datetime) -> datetime | None:
    """When the first day begins that the balance does not pay for; None where it does for years, or nothing costs."""
    low, high = 0, FURTHEST
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if found.covers(middle) else (low, middle - 1)
    return None if low == FURTHEST else starts(day_of(now) + DAY * (low + 1))
