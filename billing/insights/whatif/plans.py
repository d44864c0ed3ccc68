"""Past usage on another plan: what is included, the month's credits and the plan's price, month by month. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from billing.credits.units import NANO, AmountOutOfRange
from billing.insights.whatif.compare import REVERSED, WAITS, LeftOut
from billing.metering.past import PastEvent
from billing.pricing.rating import NO_ALLOWANCES
from billing.pricing.replay import Replay, quantities, variant_of, was_included
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
    rollover_cap: int | None = None  # most nano-credits that a new month takes over
    unit_usd: Decimal | None = None  # what a credit beyond those it gives costs; None: its face value
    allowances: Mapping[str, Decimal] = field(default_factory=dict)  # meter -> quantity a month
    as_charged: bool = True  # its prices are those that were charged


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
        unit = self.usd_per_credit if self.offer.unit_usd is None else self.offer.unit_usd
        return EXACT.divide(EXACT.multiply(Decimal(self.bought), unit), Decimal(NANO))

    @property
    def usd(self) -> Decimal:
        """All of it: the plan's price and that of the credits beyond those it gives."""
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


ReplayFor = Callable[[str, str], Replay | None]


class _Open:
    """A plan while usage goes through it."""

    def __init__(
        self, offer: Offer, prices: ReplayFor, months: Sequence[Month], days: int, usd_per_credit: Decimal
    ) -> None:
        self.replay_for = prices
        self.as_charged = offer.as_charged
        self.left = [{meter: _part(of, month) for meter, of in offer.allowances.items()} for month in months]
        bills = [
            MonthBill(month, month.share * Fraction(offer.price_usd), given=month.part(offer.credits))
            for month in months
        ]
        self.bill = Bill(offer, bills, [0] * days, usd_per_credit)

    def go_through(self, event: PastEvent, month: int | None) -> bool:
        """Charge one event; False: it counted as it was charged, because nothing else can be known. Without a `month`
        it is one of before, and only counted.
        """
        replay = None if event.archived else self.replay_for(event.provider, event.model)
        costs = None if replay is None else self._costs(event, replay, {} if month is None else self.left[month])
        if costs is None and replay is not None and replay.counting:
            replay.pass_by(event.usage, event.lines, event.month)
        if month is not None:
            listed, used = costs or (event.amount, event.amount)
            bill = self.bill.months[month]
            bill.requests += 1
            bill.listed += listed
            bill.used += used
            self.bill.days[event.day] += used
        return costs is not None

    def _costs(self, event: PastEvent, replay: Replay, left: dict[str, Decimal]) -> tuple[int, int] | None:
        """What the event costs if nothing is included, and what it costs after what is left of the allowances, which it
        uses up; None where that cannot be known.
        """
        if replay.meters.isdisjoint(left):
            left = {}
        as_charged = self.as_charged and not was_included(event.lines)
        if as_charged and not left and not replay.counting:
            return event.amount, event.amount
        usage, variant = quantities(event.usage), variant_of(event.variant)
        try:
            plain = replay.rating(usage, variant, event.at, NO_ALLOWANCES, event.month)
            rating = replay.rating(usage, variant, event.at, left, event.month) if left else plain
        except AmountOutOfRange:
            return None
        if plain.problem:
            return None
        for line in rating.lines:
            if line.from_allowance:
                left[line.meter] -= line.from_allowance
                if not left[line.meter]:
                    del left[line.meter]
        replay.count(usage, rating, event.month)
        return (event.amount if as_charged else plain.nano), rating.nano


def replay_plans(
    events: Iterable[PastEvent],
    offers: Sequence[tuple[Offer, ReplayFor]],
    *,
    months: Sequence[Month],
    month_of: Sequence[int],
    usd_per_credit: Decimal,
) -> PlanComparison:
    """What each offer would have cost, had it been in force all the time. With it come the prices of (provider, model)
    under it.

    `month_of` tells which of `months` each day is in. Every event stays at the price of its own time; what a plan
    includes of a month is used up in the order of the events.
    """
    opened = [_Open(offer, prices, months, len(month_of), usd_per_credit) for offer, prices in offers]
    waiting, given_back, fixed = LeftOut(WAITS), LeftOut(REVERSED), 0
    for event in events:
        inside = event.day >= 0
        if event.waits or event.reversed:
            out = waiting if event.waits else given_back
            out.requests += inside
            out.actual += event.amount if inside else 0
            continue
        month = month_of[event.day] if inside else None
        known = [each.go_through(event, month) for each in opened]
        fixed += inside and not all(known)
    for each in opened:
        _pay(each.bill.months, each.bill.offer)
    left_out = [out for out in (waiting, given_back) if out.requests]
    return PlanComparison([each.bill for each in opened], left_out, fixed)


def _pay(months: Sequence[MonthBill], offer: Offer) -> None:
    """The plan's credits pay, the oldest first, until they expire, or are more than a new month takes over."""
    lots: list[list[int]] = []  # last month they are good for, what is left
    for number, month in enumerate(months):
        if number and offer.rollover_cap is not None:
            months[number - 1].lapsed += _cut(lots, offer.rollover_cap)
        lots.append([number + offer.rollover_months, month.given])
        due = month.used
        for lot in lots:
            paid = min(lot[1], due)
            lot[1] -= paid
            due -= paid
        month.from_credits = month.used - due
        month.lapsed = sum(left for until, left in lots if until == number)
        lots = [lot for lot in lots if lot[0] > number and lot[1]]


def _cut(lots: list[list[int]], most: int) -> int:
    """Take what is above `most` out of the oldest; how much that was."""
    over = taken = max(sum(left for _, left in lots) - most, 0)
    for lot in lots:
        part = min(lot[1], over)
        lot[1] -= part
        over -= part
    return taken


def _part(included: Decimal, month: Month) -> Decimal:
    return _decimal(Fraction(included) * month.share).quantize(SMALLEST, ROUND_DOWN)


def _decimal(exact: Fraction) -> Decimal:
    return EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
