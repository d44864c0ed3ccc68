"""What a customer pays in place of the list price, and prices that depend on the month's quantity. Pure: no Django.

Of overrides, and of discounts, the narrowest one in force counts alone. An override replaces the markup and any
discount; a discount is taken off the marked-up price. Steps are taken off what is due then, unless that is a price of
the customer's own: it stays, and does not count towards steps. A step with a price of its own replaces everything.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple, TypeVar

from billing.pricing.tariff import ZERO, Applied, Ladder, ModelPrices, Tariff, TariffLine, line_at

PLATFORM = "platform"
MOST_KEPT = 5_000  # tariffs of one customer; more models than anybody uses


@dataclass(frozen=True, slots=True)
class Scope:
    """Which lines something holds for; an empty part means all."""

    provider: str = ""
    model: str = ""
    meter: str = ""
    variant: tuple[tuple[str, str], ...] = ()

    def covers(self, provider: str, model: str, meter: str, dims: Mapping[str, str]) -> bool:
        return (
            self.provider in ("", provider)
            and self.model in ("", model)
            and self.meter in ("", meter)
            and all(dims.get(key) == value for key, value in self.variant)
        )

    @property
    def rank(self) -> tuple[bool, bool, bool, int]:
        """Higher is narrower: the model, then the provider, then the meter, then the variant."""
        return bool(self.model), bool(self.provider), bool(self.meter), len(self.variant)


@dataclass(frozen=True, slots=True)
class Agreed:
    """Something in force from `starts` until `ends`, exclusive."""

    id: int
    scope: Scope
    starts: datetime
    ends: datetime | None

    def in_force(self, at: datetime) -> bool:
        return self.starts <= at and (self.ends is None or at < self.ends)


@dataclass(frozen=True, slots=True)
class Override(Agreed):
    """Either `price` USD for `per` units, or `percent` over cost."""

    price: Decimal | None = None
    per: int = 1
    percent: Decimal | None = None

    def covers(self, provider: str, line: TariffLine, model: str) -> bool:
        if self.percent is not None and line.platform and not (self.scope.provider or self.scope.meter):
            return False  # the platform's own have no cost to be over; who means them names them
        return self.scope.covers(provider, model, line.meter, line.dims)


@dataclass(frozen=True, slots=True)
class Discount(Agreed):
    percent: Decimal = ZERO
    label: str = ""


class Step(NamedTuple):
    """From `start` units of the month on: `off` percent, or `price` USD for `per` units."""

    start: Decimal
    off: Decimal | None = None
    price: Decimal | None = None
    per: int = 1


@dataclass(frozen=True, slots=True)
class Schedule(Agreed):
    """Steps of one meter. `audience`: 2 the workspace's own, 1 of its plan, 0 everybody's; the highest one counts."""

    graduated: bool = True
    steps: tuple[Step, ...] = ()
    audience: int = 0
    label: str = ""

    @property
    def counter(self) -> str:
        """The name of what is counted for it: what is replaced by another schedule of the same scope counts on."""
        of = "/".join(part for part in (self.scope.provider, self.scope.model) if part)
        return f"{self.scope.meter} {of}" if of else self.scope.meter


A = TypeVar("A", bound=Agreed)


@dataclass(frozen=True)
class Terms:
    """Everything a customer agreed on, through time. Immutable, and shared by threads."""

    overrides: tuple[Override, ...] = ()
    discounts: tuple[Discount, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    _kept: dict[tuple[int, int], tuple[Tariff, Tariff]] = field(default_factory=dict, repr=False, compare=False)
    _counts: dict[str, tuple[ModelPrices, bool]] = field(default_factory=dict, repr=False, compare=False)

    def __bool__(self) -> bool:
        return bool(self.overrides or self.discounts or self.schedules)

    @cached_property
    def edges(self) -> list[datetime]:
        """The instants at which something begins or ends."""
        every: list[Agreed] = [*self.overrides, *self.discounts, *self.schedules]
        return sorted({at for each in every for at in (each.starts, each.ends) if at})

    def alike(self, one: datetime, other: datetime) -> bool:
        """Whether the same is in force at both."""
        return bisect_right(self.edges, one) == bisect_right(self.edges, other)

    def tariff(
        self, prices: ModelPrices, *, at: datetime, variant: Mapping[str, str], context: Decimal = ZERO
    ) -> Tariff:
        """The lines that this customer pays: `prices.tariff` with everything agreed on applied."""
        listed = prices.tariff(at=at, variant=variant, context=context)
        if not self:
            return listed
        key = id(listed), bisect_right(self.edges, at)
        kept = self._kept.get(key)
        if kept is None or kept[0] is not listed:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            lines = {meter: self.applied_to(line, prices, at) for meter, line in listed.lines.items()}
            fee = None if listed.fee is None else lines["requests"]
            kept = self._kept[key] = listed, Tariff(lines, fee, listed.nestings)
        return kept[1]

    def applied_to(self, line: TariffLine, prices: ModelPrices, at: datetime) -> TariffLine:
        """What the customer pays for a line of `prices` at `at`."""
        provider, model = (PLATFORM, "") if line.platform else (prices.provider, prices.model)
        override = _narrowest(o for o in self.overrides if o.in_force(at) and o.covers(provider, line, model))
        if override is not None and override.price is not None:
            applied = Applied(override_id=override.id)
            return _with(line, applied, price=override.price, per=override.per, markup=ZERO)
        if override is not None and override.percent is not None:
            line = _with(line, Applied(override_id=override.id), markup=override.percent)
        elif discount := _narrowest(self._covering(self.discounts, provider, model, line, at)):
            line = _with(line, Applied(discount_id=discount.id, discount=discount.percent))
        schedule = max(
            self._covering(self.schedules, provider, model, line, at),
            key=lambda each: (each.audience, each.scope.rank, each.id),
            default=None,
        )
        return line if schedule is None else _climbing(line, schedule)

    def counts(self, prices: ModelPrices | None) -> bool:
        """Whether any of these prices may depend on the month's quantity, now or at another time."""
        if prices is None or not self.schedules:
            return False
        known = self._counts.get(prices.ref)
        if known is None or known[0] is not prices:
            if len(self._counts) >= MOST_KEPT:
                self._counts.clear()
            known = self._counts[prices.ref] = prices, self._may_count(prices)
        return known[1]

    def _may_count(self, prices: ModelPrices) -> bool:
        own = prices.provider, prices.model
        lines = {(*((PLATFORM, "") if point.platform else own), point.meter) for point in prices.points}
        return any(each.scope.covers(*line, {}) for line in lines for each in self.schedules)

    @staticmethod
    def _covering(agreed: Sequence[A], provider: str, model: str, line: TariffLine, at: datetime) -> Iterator[A]:
        for each in agreed:
            if each.in_force(at) and each.scope.covers(provider, model, line.meter, line.dims):
                yield each


NO_TERMS = Terms()


def _narrowest(agreed: Iterable[A]) -> A | None:
    return max(agreed, key=lambda each: (each.scope.rank, each.id), default=None)


def _climbing(line: TariffLine, schedule: Schedule) -> TariffLine:
    """The line with the steps of `schedule`; below the first one the price is what it was."""
    due = line.applied or Applied()
    counter = schedule.counter
    below = _with(line, due._replace(schedule_id=schedule.id, counter=counter))
    rungs = [(ZERO, below)]
    for step in schedule.steps:
        if step.price is not None:
            applied = Applied(schedule_id=schedule.id, step=step.start, counter=counter)
            rung = _with(line, applied, price=step.price, per=step.per, markup=ZERO)
        else:
            applied = due._replace(schedule_id=schedule.id, step=step.start, off=step.off or ZERO, counter=counter)
            rung = _with(line, applied)
        if not step.start:
            rungs.clear()
        rungs.append((step.start, rung))
    return _with(rungs[0][1], rungs[0][1].applied, ladder=Ladder(counter, schedule.graduated, tuple(rungs)))


def _with(
    line: TariffLine,
    applied: Applied | None,
    *,
    price: Decimal | None = None,
    per: int = 1,
    markup: Decimal | None = None,
    ladder: Ladder | None = None,
) -> TariffLine:
    return line_at(
        price_id=line.price_id,
        meter=line.meter,
        price_usd=line.price_usd if price is None else price,
        per=line.per if price is None else per,
        unit=line.unit,
        markup_percent=line.markup_percent if markup is None else markup,
        dims=line.dims,
        minimum=line.minimum,
        platform=line.platform,
        upstream=line.upstream,  # what a customer agreed on changes nothing of what is paid for it
        applied=applied,
        ladder=ladder,
    )
