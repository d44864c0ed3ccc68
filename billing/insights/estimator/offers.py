"""Which plan is the best value for a month's need. Pure: no Django, no database.

A month on a plan costs its price and the credits beyond what it includes. Included quantities are used up before
credits; where several lines share a meter, its quantity is spread over them evenly, as requests come in mixed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from billing.insights.estimator.engine import PartCost, settled
from billing.pricing.tariff import EXACT, ZERO

ONE = Decimal(1)


@dataclass(frozen=True)
class Offer:
    """A plan as one compares it. `unit_usd`: what a credit beyond it costs; None: the site's price of a credit."""

    key: str
    name: str
    price_usd: Decimal  # a month
    credits: Decimal = ZERO  # a month
    allowances: Mapping[str, Decimal] = field(default_factory=dict)  # meter -> quantity a month
    request_limits: Mapping[str, Decimal] = field(default_factory=dict)  # meter -> most per request
    qualities: tuple[str, ...] = ()  # lower case; empty: all
    concurrency: int | None = None
    intended_for: str = ""
    unit_usd: Decimal | None = None
    yours: bool = False
    offered: bool = True  # False: only who is on it already has it


@dataclass(frozen=True)
class MonthLine:
    """A meter's quantity of a month and what it costs without any plan."""

    meter: str
    quantity: Decimal
    usd: Decimal


@dataclass(frozen=True)
class Need:
    """A month, as plans see it."""

    lines: tuple[MonthLine, ...]
    largest: Mapping[str, Decimal]  # of each meter, the most that a single request asks for
    quality: str = ""
    at_once: int = 0  # requests at the same time; 0: not said

    @property
    def usd(self) -> Decimal:
        return _sum(line.usd for line in self.lines)


@dataclass(frozen=True)
class Covered:
    """What a plan includes of a meter that is used."""

    meter: str
    included: Decimal
    used: Decimal  # of what is included
    usd: Decimal  # what that would have cost


@dataclass(frozen=True)
class PlanCost:
    """A month on a plan. With `refusals` it would not let the requests through, and is no choice."""

    offer: Offer
    refusals: tuple[str, ...]
    covered: tuple[Covered, ...]
    from_credits: Decimal  # of the credits it gives each month
    extra: Decimal  # credits beyond
    extra_usd: Decimal
    saved_usd: Decimal  # against buying every credit at the site's price

    @property
    def usd(self) -> Decimal:
        return settled(EXACT.add(self.offer.price_usd, self.extra_usd))

    @property
    def fits(self) -> bool:
        return not self.refusals


@dataclass(frozen=True)
class Choice:
    """Plans by what the month costs; those that refuse come last, and are never best."""

    plans: tuple[PlanCost, ...]

    @property
    def fitting(self) -> tuple[PlanCost, ...]:
        return tuple(plan for plan in self.plans if plan.fits)

    @property
    def best(self) -> PlanCost | None:
        return next(iter(self.fitting), None)

    @property
    def second(self) -> PlanCost | None:
        return next(iter(self.fitting[1:]), None)

    @property
    def yours(self) -> PlanCost | None:
        return next((plan for plan in self.plans if plan.offer.yours), None)

    @property
    def refused(self) -> tuple[PlanCost, ...]:
        return tuple(plan for plan in self.plans if not plan.fits)


def need_of(parts: Sequence[PartCost], *, quality: str = "", at_once: int = 0) -> Need:
    """A month of everything."""
    lines, largest = [], dict[str, Decimal]()
    for part in parts:
        for step in part.steps:
            lines += [MonthLine(line.meter, line.quantity, line.month.usd) for line in step.lines]
            for meter, most in step.largest.items() if part.name != "extras" else ():
                largest[meter] = max(most, largest.get(meter, ZERO))
    return Need(tuple(lines), largest, quality, at_once)


def compare(offers: Sequence[Offer], need: Need, usd_per_credit: Decimal) -> Choice:
    """All plans, the best value first; of those that cost the same, the customer's own, then the lower price. Of a plan
    with credit tiers the best one is a choice, and the customer's own.
    """
    plans = sorted((plan_cost(offer, need, usd_per_credit) for offer in offers), key=_rank)
    best = {plan.offer.key: plan for plan in reversed(plans) if not plan.offer.yours}
    return Choice(tuple(plan for plan in plans if plan.offer.yours or plan is best[plan.offer.key]))


def _rank(plan: PlanCost) -> tuple[object, ...]:
    return not plan.fits, plan.usd, not plan.offer.yours, plan.offer.price_usd


def plan_cost(offer: Offer, need: Need, usd_per_credit: Decimal) -> PlanCost:
    """A month of `need` on the plan."""
    covered, due = _covered(offer.allowances, need.lines)
    credits = settled(EXACT.divide(due, usd_per_credit))
    extra = max(EXACT.subtract(credits, offer.credits), ZERO)
    extra_usd = EXACT.multiply(extra, usd_per_credit if offer.unit_usd is None else offer.unit_usd)
    return PlanCost(
        offer=offer,
        refusals=tuple(reason for check in CHECKS for reason in check(offer, need)),
        covered=covered,
        from_credits=min(credits, offer.credits),
        extra=extra,
        extra_usd=extra_usd,
        saved_usd=settled(EXACT.subtract(need.usd, extra_usd)),
    )


def _covered(allowances: Mapping[str, Decimal], lines: Sequence[MonthLine]) -> tuple[tuple[Covered, ...], Decimal]:
    """What is included of the meters that are used, and USD of all that is not."""
    found, due = [], ZERO
    for meter in dict.fromkeys(line.meter for line in lines):
        quantity = _sum(line.quantity for line in lines if line.meter == meter)
        usd = _sum(line.usd for line in lines if line.meter == meter)
        included = allowances.get(meter, ZERO)
        share = min(EXACT.divide(included, quantity), ONE) if quantity else ONE
        free = EXACT.multiply(usd, share)
        if included:
            found.append(Covered(meter, included, min(included, quantity), settled(free)))
        due = EXACT.add(due, EXACT.subtract(usd, free))
    return tuple(found), due


def _over_limit(offer: Offer, need: Need) -> Iterable[str]:
    for meter, most in offer.request_limits.items():
        asked = need.largest.get(meter, ZERO)
        if asked > most:
            name = meter.replace("_", " ")
            yield f"It allows {most:,f} {name} in one request; the largest here has {asked:,f}."


def _wrong_quality(offer: Offer, need: Need) -> Iterable[str]:
    if need.quality and offer.qualities and need.quality.lower() not in offer.qualities:
        known = ", ".join(quality.capitalize() for quality in offer.qualities)
        yield f"Its qualities are {known}; {need.quality.capitalize()} is not among them."


def _too_many_at_once(offer: Offer, need: Need) -> Iterable[str]:
    if offer.concurrency is not None and need.at_once > offer.concurrency:
        yield f"It allows {offer.concurrency:,} requests at the same time; {need.at_once:,} are needed."


# What may keep a plan from being a choice; each yields its reasons.
CHECKS: tuple[Callable[[Offer, Need], Iterable[str]], ...] = (_over_limit, _wrong_quality, _too_many_at_once)


def _sum(values: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = EXACT.add(total, value)
    return total
