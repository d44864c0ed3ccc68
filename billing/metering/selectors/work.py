"""What a workspace did in the last 30 days, by kind of model, and what that would cost on any other model.

From hourly totals: exact for prices that go by quantity. Where a kind is sold in two units (speech by characters or by
tokens), only the unit that cost more can be compared; the rest is said to be left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.cache import TimedCache
from billing.metering.selectors import days
from billing.metering.selectors.kept import by_stretch
from billing.metering.selectors.totals import floor_hour
from billing.pricing import book
from billing.pricing.display import INPUT, SOLD_BY
from billing.pricing.names import Key
from billing.pricing.selectors import ModelListing, meters, sold
from billing.pricing.shelf import shelf
from billing.pricing.terms import Terms, terms_for
from billing.pricing.totals import cost_of_totals

SPAN = timedelta(days=30)
KEEP_SECONDS = 30
EVENTS = "requests"  # counted by themselves: how many there were


@dataclass(frozen=True)
class Work:
    """Usage of all models of one kind, added up."""

    modality: str
    usage: Mapping[str, Decimal]
    requests: int
    nano: int  # what was charged for it
    left_out: int  # requests that were counted in another unit


@dataclass
class _Model:
    modality: str
    usage: dict[str, Decimal]
    requests: int = 0
    nano: int = 0

    @property
    def unit(self) -> str:
        """The meter it is mainly counted by; tokens of any sort are one unit."""
        for meter in (*SOLD_BY.get(self.modality, ()), *INPUT):
            if meter in self.usage:
                return "tokens" if meter in INPUT else meter
        return min(self.usage)


def works(workspace: Workspace, *, now: datetime | None = None) -> dict[str, Work]:
    """By modality, the last 30 days of usage of models that are in the catalogue; empty without any."""
    now = now or clock.now()
    tz = days.zone(workspace.time_zone)
    since, until = floor_hour(now - SPAN), floor_hour(now) + timedelta(hours=1)
    first, last = days.local_day(since, tz), days.local_day(now, tz)
    starts = [since, *(days.starts(day, tz) for day in days.days(first, last)[1:])]
    platform = {key for key, meter in meters().items() if meter.platform}
    used: dict[str, _Model] = {}
    for group in (
        each for day in by_stretch(workspace.pk, by="model_meter", starts=starts, until=until) for each in day
    ):
        ref, _, meter = group.key.rpartition("/")
        prices = book.prices_for(ref) if ref else None
        if prices is None:
            continue
        model = used.setdefault(prices.ref, _Model(prices.modality, {}))
        model.requests += group.requests
        if meter not in platform:
            model.nano += group.nano
            if meter != EVENTS:
                model.usage[meter] = model.usage.get(meter, Decimal(0)) + group.quantity
    found: dict[str, Work] = {}
    for modality in sorted({model.modality for model in used.values()}):
        of_kind = [model for model in used.values() if model.modality == modality and any(model.usage.values())]
        if of_kind:
            found[modality] = _together(modality, of_kind)
    return found


def _together(modality: str, models: list[_Model]) -> Work:
    spent: dict[str, int] = {}
    for model in models:
        spent[model.unit] = spent.get(model.unit, 0) + model.nano
    unit = max(sorted(spent), key=lambda each: spent[each])
    usage: dict[str, Decimal] = {}
    for model in models:
        for meter, quantity in model.usage.items() if model.unit == unit else ():
            usage[meter] = usage.get(meter, Decimal(0)) + quantity
    return Work(
        modality=modality,
        usage=usage,
        requests=sum(model.requests for model in models if model.unit == unit),
        nano=sum(model.nano for model in models if model.unit == unit),
        left_out=sum(model.requests for model in models if model.unit != unit),
    )


def costs_on(
    of_kind: Mapping[str, Work], models: Iterable[ModelListing], *, now: datetime, terms: Terms
) -> dict[Key, Decimal]:
    """USD that the work of its kind would cost on each of `models` at the prices of `now`, before what a plan includes;
    those that cannot be priced by the same meters are left out.
    """
    wanted = [model for model in models if model.modality in of_kind]
    variants = {model.key: model.main.variant if model.main else {} for model in wanted}
    return _priced(of_kind, {model.key: model.modality for model in wanted}, variants, now, terms)


def costs(workspace: Workspace, *, usd_per_credit: Decimal) -> Mapping[Key, Decimal]:
    """The same for every model of the catalogue, at most 30 seconds old."""
    if clock.travelled():
        return _costs(workspace, usd_per_credit)
    return _kept.get((workspace, book.edition(), id(terms_for(workspace.pk)), usd_per_credit))


def _costs(workspace: Workspace, usd_per_credit: Decimal) -> dict[Key, Decimal]:
    now, of_kind, terms = clock.now(), works(workspace), terms_for(workspace.pk)
    if not of_kind:
        return {}
    stock = shelf()
    known = sold(stock, now, usd_per_credit, terms)
    cards = [card for card in stock.cards if card.model.modality in of_kind]
    variants = {card.key: known[card.key].plain for card in cards}
    return _priced(of_kind, {card.key: card.model.modality for card in cards}, variants, now, terms)


def _priced(
    of_kind: Mapping[str, Work],
    modality_of: Mapping[Key, str],
    variants: Mapping[Key, Mapping[str, str]],
    now: datetime,
    terms: Terms,
) -> dict[Key, Decimal]:
    prices = book.prices_of(modality_of)
    found: dict[Key, Decimal] = {}
    for key, modality in modality_of.items():
        work = of_kind[modality]
        cost = cost_of_totals(
            prices[key], usage=work.usage, requests=work.requests, at=now, variant=variants[key], terms=terms
        )
        if cost is not None:
            found[key] = cost
    return found


_kept: TimedCache[tuple[Workspace, object, int, Decimal], Mapping[Key, Decimal]] = TimedCache(
    lambda key: _costs(key[0], key[3]), seconds=KEEP_SECONDS, most=100
)
