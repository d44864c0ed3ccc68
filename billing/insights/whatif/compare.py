"""Past usage on another model: every event priced anew, and what cannot be compared counted. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from billing.metering.past import PastEvent
from billing.pricing.replay import Replay
from billing.pricing.tariff import RULES, ModelPrices

Key = tuple[str, str]

WAITS = "They wait for a price and were not charged."
REVERSED = "Their charge was taken back."
ARCHIVED = "Their details are archived, and what this model costs depends on them."
BESIDE = "They were not asked for."
MOST_REASONS = 8
OTHERS = "Other reasons"


@dataclass(slots=True)
class Sums:
    """Requests, what they were charged, and what they would have been; nano-credits."""

    requests: int = 0
    actual: int = 0
    replayed: int = 0

    def add(self, other: "Sums") -> None:
        self.requests += other.requests
        self.actual += other.actual
        self.replayed += other.replayed

    @property
    def saved(self) -> int:
        """Negative: it would have cost more."""
        return self.actual - self.replayed

    @property
    def percent(self) -> Decimal | None:
        """What would have been saved, in percent; None where nothing was charged."""
        return Decimal(100) * self.saved / self.actual if self.actual else None


@dataclass(slots=True)
class LeftOut:
    """Requests that are on neither side."""

    reason: str
    requests: int = 0
    actual: int = 0  # nano-credits that they were charged, as recorded


@dataclass(slots=True)
class Comparison:
    """`days`: sums of each stretch. `later`: requests at the present price, because there was none then."""

    total: Sums
    models: dict[Key, Sums]
    days: list[Sums]
    left_out: list[LeftOut] = field(default_factory=list)
    later: int = 0

    @property
    def requests_left_out(self) -> int:
        return sum(each.requests for each in self.left_out)


def compare(events: Iterable[PastEvent], replay: Replay, *, days: int) -> Comparison:
    """What the chosen `events` were charged beside what they would have been at the prices of `replay`. Others are
    there only because prices may depend on what a month counts.
    """
    found = Comparison(Sums(), {}, [Sums() for _ in range(days)])
    cells: dict[tuple[Key, int], Sums] = {}
    reasons: dict[str, LeftOut] = {}
    varying = _varying(replay.prices)
    for event in events:
        problem = _incomparable(event, varying) if event.chosen else BESIDE
        cost = None if problem else replay.cost(event.usage, event.variant, event.at, event.lines, event.month)
        if cost is None or cost.problem:
            if replay.counting and not (event.waits or event.reversed):
                replay.pass_by(event.usage, event.lines, event.month)
            if event.chosen and event.day >= 0:
                _leave_out(reasons, cost.problem if cost else problem, event.amount)
            continue
        if event.day < 0:
            continue
        found.later += cost.later
        cell = (event.provider, event.model), event.day
        sums = cells.get(cell)
        if sums is None:
            sums = cells[cell] = Sums()
        sums.requests += 1
        sums.actual += event.amount
        sums.replayed += cost.nano
    for (key, day), sums in cells.items():
        for each in (found.total, found.models.setdefault(key, Sums()), found.days[day]):
            each.add(sums)
    found.left_out = _shortened(reasons)
    return found


def _varying(prices: ModelPrices) -> tuple[str, ...]:
    """Of the meters whose price depends on a variant, the JSON texts by which usage names them; one for all usage where
    it is a meter of the model.
    """
    meters = {(point.platform, point.meter) for point in prices.points if point.dims.keys() - RULES}
    return tuple(f'"{meter}":' if platform else "" for platform, meter in meters)


def _incomparable(event: PastEvent, varying: Collection[str]) -> str:
    if event.waits:
        return WAITS
    if event.reversed:
        return REVERSED
    return ARCHIVED if event.archived and any(text in event.usage for text in varying) else ""


def _leave_out(reasons: dict[str, LeftOut], reason: str, actual: int) -> None:
    each = reasons.setdefault(reason, LeftOut(reason))
    each.requests += 1
    each.actual += actual


def _shortened(reasons: dict[str, LeftOut]) -> list[LeftOut]:
    """The most frequent reasons, the rest as one."""
    ranked = sorted(reasons.values(), key=lambda each: (-each.requests, each.reason))
    rest = ranked[MOST_REASONS:]
    if rest:
        requests, actual = sum(each.requests for each in rest), sum(each.actual for each in rest)
        ranked[MOST_REASONS:] = [LeftOut(OTHERS, requests, actual)]
    return ranked
