"""Past usage on another plan: what is included, the month's credits and the plan's price, month by month. Pure."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from billing.credits.units import NANO, AmountOutOfRange
from billing.insights.whatif.compare import REVERSED, WAITS, LeftOut
from billing.metering.past import PastEvent
from billing.pricing.replay import Replay, quantities
from billing.pricing.tariff import EXACT

SMALLEST = Decimal("1e-9")


@dataclass(frozen=True)
class Offer:
    """A version of a plan; without one, nothing is included and nothing is paid but usage."""

    key: str
    name: str
    price_usd: Decimal = Decimal(0)  # a month
    credits: int = 0  # nano-credits a month
    rollover_months: int = 0
    allowances: Mapping[str, Decimal] = field(default_factory=dict)  # meter -> quantity a month


@dataclass(frozen=True)
class Month:
    """A calendar month, and which part of it lies in the days that are looked at."""

    name: str
    share: Fraction

    def part(self, whole: int) -> int:
        return int(whole * self.share)


@dataclass(slots=True)
class MonthBill:
    """Nano-credits but for `price_usd`. used = from_credits + bought."""

    month: Month
    price_usd: Fraction
    requests: int = 0
    listed: int = 0  # what usage costs if nothing is included
    used: int = 0  # after what is included
    given: int = 0  # the plan's credits
    from_credits: int = 0  # paid by the plan's credits, also of months before
    lapsed: int = 0  # credits that expired unused at the end of the month

    @property
    def bought(self) -> int:
        return self.used - self.from_credits


@dataclass(slots=True)
class Bill:
    """What a plan would have cost."""

    offer: Offer
    months: list[MonthBill]
    days: list[int]  # nano-credits of usage after what is included
    usd_per_credit: Decimal

    @property
    def price_usd(self) -> Decimal:
        return _decimal(sum((month.price_usd for month in self.months), Fraction(0)))

    @property
    def bought_usd(self) -> Decimal:
        return EXACT.divide(EXACT.multiply(Decimal(self.bought), self.usd_per_credit), Decimal(NANO))

    @property
    def usd(self) -> Decimal:
        """All of it: the plan's price and, at face value, the credits beyond those it gives."""
        return self.price_usd + self.bought_usd

    @property
    def nano(self) -> int:
        """The same in nano-credits at face value."""
        return int(self.usd / self.usd_per_credit * NANO)

    @property
    def bought(self) -> int:
        return sum(month.bought for month in self.months)

    @property
    def listed(self) -> int:
        return sum(month.listed for month in self.months)

    @property
    def used(self) -> int:
        return sum(month.used for month in self.months)

    @property
    def included(self) -> int:
        """What allowances were worth."""
        return self.listed - self.used

    @property
    def given(self) -> int:
        return sum(month.given for month in self.months)

    @property
    def from_credits(self) -> int:
        return sum(month.from_credits for month in self.months)

    @property
    def requests(self) -> int:
        return sum(month.requests for month in self.months)


@dataclass(slots=True)
class PlanComparison:
    bills: list[Bill]
    left_out: list[LeftOut]
    fixed: int  # requests that count as they were charged, whatever the plan includes


class _Open:
    """A plan while usage goes through it."""

    def __init__(self, offer: Offer, months: Sequence[Month], days: int, usd_per_credit: Decimal) -> None:
        self.left = [{meter: _part(of, month) for meter, of in offer.allowances.items()} for month in months]
        bills = [
            MonthBill(month, month.share * Fraction(offer.price_usd), given=month.part(offer.credits))
            for month in months
        ]
        self.bill = Bill(offer, bills, [0] * days, usd_per_credit)

    def add(self, day: int, month: int, listed: int, used: int) -> None:
        bill = self.bill.months[month]
        bill.requests += 1
        bill.listed += listed
        bill.used += used
        self.bill.days[day] += used


def replay_plans(
    events: Iterable[PastEvent],
    offers: Sequence[Offer],
    *,
    months: Sequence[Month],
    month_of: Sequence[int],
    replay_for: Callable[[str, str], Replay | None],
    usd_per_credit: Decimal,
) -> PlanComparison:
    """What each offer would have cost, had it been in force all the time.

    `month_of` tells which of `months` each day is in, `replay_for` the prices of (provider, model). Every event stays
    at the price that it had; what a plan includes of a month is used up in the order of the events.
    """
    opened = [_Open(offer, months, len(month_of), usd_per_credit) for offer in offers]
    waiting, given_back, fixed = LeftOut(WAITS), LeftOut(REVERSED), 0
    for event in events:
        if event.waits or event.reversed:
            out = waiting if event.waits else given_back
            out.requests += 1
            out.actual += event.amount
            continue
        month = month_of[event.day]
        replay = None if event.archived else replay_for(event.provider, event.model)
        listed = _listed(event, replay)
        fixed += listed is None
        for each in opened:
            if listed is None or replay is None:
                each.add(event.day, month, event.amount, event.amount)
            else:
                each.add(event.day, month, listed, _used(event, replay, each.left[month], listed))
    for each in opened:
        _pay(each.bill.months, each.bill.offer.rollover_months)
    left_out = [out for out in (waiting, given_back) if out.requests]
    return PlanComparison([each.bill for each in opened], left_out, fixed)


def _listed(event: PastEvent, replay: Replay | None) -> int | None:
    """What the event costs if nothing is included; None where that cannot be known."""
    if replay is None:
        return None
    if not event.included:
        return event.amount
    cost = replay.cost(event.usage, event.variant, event.at)
    return None if cost.problem or cost.later else cost.nano


def _used(event: PastEvent, replay: Replay, left: dict[str, Decimal], listed: int) -> int:
    """What the event costs after what is left of the allowances, which it uses up."""
    if not left:
        return listed
    try:
        rating = replay.rating(quantities(event.usage), json.loads(event.variant), event.at, left)
    except AmountOutOfRange:
        return listed
    if rating.problem:
        return listed
    for line in rating.lines:
        if line.from_allowance:
            left[line.meter] -= line.from_allowance
            if not left[line.meter]:
                del left[line.meter]
    return rating.nano


def _pay(months: Sequence[MonthBill], rollover: int) -> None:
    """The plan's credits pay, the oldest first, until they expire."""
    lots: list[list[int]] = []  # last month they are good for, what is left
    for number, month in enumerate(months):
        lots.append([number + rollover, month.given])
        due = month.used
        for lot in lots:
            paid = min(lot[1], due)
            lot[1] -= paid
            due -= paid
        month.from_credits = month.used - due
        month.lapsed = sum(left for until, left in lots if until == number)
        lots = [lot for lot in lots if lot[0] > number and lot[1]]


def _part(included: Decimal, month: Month) -> Decimal:
    return _decimal(Fraction(included) * month.share).quantize(SMALLEST, ROUND_DOWN)


def _decimal(exact: Fraction) -> Decimal:
    return EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
