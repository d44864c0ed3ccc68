"""What three years of a subscription must bring, worked out from its story alone and in the plainest way: no module of
the plans is used here. Credits are nano-credits.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Offer:
    """A version with one of its credit tiers."""

    name: str
    credits: int
    cents: int
    yearly_cents: int
    rollover: int = 0
    cap: int | None = None
    calendar: bool = False


@dataclass(frozen=True)
class Fact:
    """What happens at an instant: start, paid, upgrade (at once), change, end or spend."""

    at: datetime
    kind: str
    subscription: int = 0  # number in the story; 0 is the free plan that it begins with
    offer: Offer | None = None
    interval: str = ""
    until: datetime | None = None
    amount: int = 0
    since: datetime | None = None  # from when a change or an end counts; None: from `at`


@dataclass
class ExpectedLot:
    amount: int
    starts: datetime
    ends: datetime
    price: Decimal | None
    gone: list[tuple[datetime, int]] = field(default_factory=list)  # used, or lapsed as of then

    def left(self, at: datetime | None = None) -> int:
        return self.amount - sum(part for when, part in self.gone if at is None or when < at)


@dataclass
class Running:
    anchor: datetime
    offer: Offer
    interval: str
    paid_until: datetime | None
    since: datetime | None = None  # it has its offer; None: since its anchor
    period: int = 0
    lots: list[ExpectedLot] = field(default_factory=list)


def months_later(anchor: datetime, months: int) -> datetime:
    year, month, day = anchor.year, anchor.month + months, anchor.day
    while month > 12:
        year, month = year + 1, month - 12
    while True:
        try:
            return anchor.replace(year=year, month=month, day=day)
        except ValueError:
            day -= 1


def begins(anchor: datetime, number: int, *, calendar: bool) -> datetime:
    if calendar and number:
        anchor = anchor.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return months_later(anchor, number)


def expected_lots(
    story: list[Fact], free: Offer, until: datetime, outage: tuple[datetime, datetime] | None = None
) -> list[tuple[Any, ...]]:
    """(amount, start, end, US dollars per credit, left at `until`) of every lot, in order.

    In an outage nothing is granted, and what happened is heard of at its end; but credits that are there are used.
    """
    all_lots: list[ExpectedLot] = []
    running: Running | None = None
    for heard, fact in sorted(((_heard(fact, outage), fact) for fact in story), key=lambda each: each[0]):
        silent = outage is not None and outage[0] <= heard < outage[1]
        if running is not None and not silent:
            _open(running, all_lots, heard, before=fact.since or fact.at)
        if fact.kind == "spend":
            _spend(all_lots, fact)
        elif fact.kind == "start":
            assert fact.offer is not None
            running = Running(fact.at, fact.offer, fact.interval, fact.until)
        elif fact.kind in ("upgrade", "change"):
            assert running is not None
            assert fact.offer is not None
            if fact.kind == "upgrade":
                all_lots.append(_difference(running, fact.offer, fact.at))
            if fact.offer.name != running.offer.name:  # else another tier of the same
                running.since = fact.since or fact.at
            running.offer, running.interval = fact.offer, fact.interval or running.interval
        elif fact.kind == "end":
            running = Running(fact.since or fact.at, free, "", None)
        elif fact.kind == "paid":
            assert running is not None
            running.paid_until = fact.until
        if running is not None and not silent:
            _open(running, all_lots, heard)
    if running is not None:
        _open(running, all_lots, until)
    return sorted(
        (lot.amount, lot.starts, lot.ends, lot.price, 0 if lot.ends <= until else lot.left()) for lot in all_lots
    )


def _heard(fact: Fact, outage: tuple[datetime, datetime] | None) -> datetime:
    """When the portal knows of it."""
    if outage is None or fact.kind == "spend" or not outage[0] <= fact.at < outage[1]:
        return fact.at
    return outage[1]


def _difference(running: Running, offer: Offer, at: datetime) -> ExpectedLot:
    """What a dearer offer brings of the period that is running: the difference for the time that is left of it."""
    starts, ends = (begins(running.anchor, running.period + step, calendar=offer.calendar) for step in (-1, 0))
    part = Fraction(int((ends - at).total_seconds()), int((ends - starts).total_seconds()))
    until = begins(running.anchor, running.period + offer.rollover, calendar=offer.calendar)
    lot = ExpectedLot(int((offer.credits - running.offer.credits) * part), at, until, None)
    running.lots.append(lot)
    return lot


def _open(running: Running, all_lots: list[ExpectedLot], now: datetime, before: datetime | None = None) -> None:
    offer = running.offer
    while True:
        starts = begins(running.anchor, running.period, calendar=offer.calendar)
        paid = running.paid_until is None or starts < running.paid_until
        if starts > now or not paid or (before is not None and starts >= before):
            return
        if offer.cap is not None and running.period:
            own = [lot for lot in running.lots if running.since is None or lot.starts >= running.since]
            _lapse(own, offer.cap, starts, now)
        ends = begins(running.anchor, running.period + 1 + offer.rollover, calendar=offer.calendar)
        lot = ExpectedLot(_credits(running, starts), starts, ends, _price(running))
        running.lots.append(lot)
        all_lots.append(lot)
        running.period += 1


def _credits(running: Running, starts: datetime) -> int:
    if not running.offer.calendar or running.period:
        return running.offer.credits
    month = starts.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = months_later(month, 1)
    part = Fraction(int((following - starts).total_seconds()), int((following - month).total_seconds()))
    return int(running.offer.credits * part)


def _price(running: Running) -> Decimal | None:
    if not running.interval or not running.offer.cents:
        return None
    cents = Fraction(running.offer.yearly_cents, 12) if running.interval == "year" else Fraction(running.offer.cents)
    price = cents / 100 / Fraction(running.offer.credits, 10**9)
    with localcontext(prec=60):
        exact = Decimal(price.numerator) / Decimal(price.denominator)
        return exact.quantize(Decimal("1e-12"), ROUND_HALF_EVEN)


def _lapse(lots: list[ExpectedLot], cap: int, at: datetime, now: datetime) -> None:
    """Of what the offer gave, above its cap the oldest go first; what was used since `at` is used."""
    carried = [lot for lot in lots if lot.starts < at < lot.ends]
    over = sum(lot.left(at) for lot in carried) - cap
    for lot in carried:
        if over <= 0:
            return
        wanted = min(over, lot.left(at))
        over -= wanted
        lapsed = min(wanted, lot.left()) if lot.ends > now else 0
        if lapsed:
            lot.gone.append((at, lapsed))


def _spend(lots: list[ExpectedLot], fact: Fact) -> None:
    amount = fact.amount
    for lot in sorted(lots, key=lambda lot: (lot.ends, lot.starts)):
        if lot.starts <= fact.at < lot.ends and (part := min(amount, lot.left())):
            lot.gone.append((fact.at, part))
            amount -= part
