"""Reading the catalogue for pages and the API: models with the prices their customers pay."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from django.db.models import Q

from billing.credits import clock
from billing.foundation.cache import TimedCache
from billing.foundation.site.selectors import site
from billing.pricing import book
from billing.pricing.display import TYPICAL, Price, TierPrice, main_price, main_unit
from billing.pricing.models import CatalogModel, Meter, PriceImport, PriceLine
from billing.pricing.names import Key
from billing.pricing.rating import rate
from billing.pricing.shelf import BadCursor as BadCursor
from billing.pricing.shelf import Card, Shelf, page, shelf
from billing.pricing.tariff import EXACT, ModelPrices, PricePoint, TariffLine, line_of
from billing.pricing.terms import NO_TERMS, Terms

MOST = 200
MOST_KEPT = 20  # customers with terms of their own for whom the whole catalogue stays worked out
# "": those sold by their makers first. Prices: of what a kind is compared by, or of a typical request of any kind.
SORTS = ("", "name", "price", "-price", "context", "cost")


@dataclass(frozen=True)
class ModelListing:
    """A model as the price list shows it."""

    ref: str  # "provider/model", what usage names
    provider: str
    model: str
    name: str
    modality: str
    context_window: int | None
    retired: bool
    prices: tuple[Price, ...]  # plain prices first, then variants, in the order of meters
    typical_usd: Decimal | None
    typical_credits: Decimal | None
    typical_usage: Mapping[str, int]

    @property
    def key(self) -> Key:
        return self.provider, self.model

    @cached_property
    def main(self) -> Price | None:
        """What it is compared by: its price per unit sold, or of what goes in."""
        return main_price(self.modality, {price.meter: price for price in self.plain_prices})

    @property
    def free(self) -> bool:
        return bool(self.prices) and all(price.free for price in self.prices)

    @property
    def plain_prices(self) -> tuple[Price, ...]:
        """Prices without a variant; of a meter that has none, the first variant."""
        shown: dict[str, Price] = {}
        for price in self.prices:
            shown.setdefault(price.meter, price)
        return tuple(shown.values())

    def price(self, meter: str) -> Price | None:
        """The price of `meter` when nothing special is asked for, or None."""
        return next((price for price in self.prices if price.meter == meter), None)


@dataclass(frozen=True)
class ModelPage:
    rows: tuple[ModelListing, ...]
    next_cursor: str | None
    total: int = 0  # that match, on all pages


class Sold(NamedTuple):
    """What a model is found and sorted by. `main_usd`: per the unit of its kind; None when sold by another one."""

    main_usd: Decimal | None
    typical_usd: Decimal | None
    free: bool
    plain: Mapping[str, str]  # the variant of its main price


def models_list(
    *,
    search: str = "",
    provider: str = "",
    modality: str = "",
    free: bool = False,
    min_usd: Decimal | None = None,
    max_usd: Decimal | None = None,
    sort: str = "",
    costs: Mapping[Key, Decimal] | None = None,
    limit: int = 50,
    cursor: str = "",
    now: datetime | None = None,
    usd_per_credit: Decimal | None = None,
    terms: Terms = NO_TERMS,
) -> ModelPage:
    """Priced models, those sold by their makers first, with the prices in force now.

    Each word of `search` must occur in the reference, the name or an alias. `min_usd`, `max_usd` and the sort "price"
    mean the main price per display.main_unit of the `modality`; without one, a typical request. `sort` is one of
    SORTS; "cost" goes by `costs`. Raises BadCursor.
    """
    now, usd_per_credit = now or clock.now(), usd_per_credit or site().usd_per_credit
    stock = shelf()
    found = stock.find(search=search, provider=provider, modality=modality)
    bounded = min_usd is not None or max_usd is not None
    known = sold(stock, now, usd_per_credit, terms) if free or bounded or sort in ("price", "-price") else {}

    def price_of(card: Card) -> Decimal | None:
        return known[card.key].main_usd if modality else known[card.key].typical_usd

    if free:
        found = [card for card in found if known[card.key].free]
    if bounded:
        found = [card for card in found if _between(price_of(card), min_usd, max_usd)]
    limit = max(1, min(limit, MOST))
    cards, following = page(found, sort=sort, value=_value(sort, price_of, costs or {}), limit=limit, cursor=cursor)
    rows = listings([card.model for card in cards], now=now, usd_per_credit=usd_per_credit, terms=terms)
    return ModelPage(rows, following, len(found))


def _value(
    sort: str, price_of: Callable[[Card], Decimal | None], costs: Mapping[Key, Decimal]
) -> Callable[[Card], Decimal | str | None] | None:
    def dearest(card: Card) -> Decimal | None:
        price = price_of(card)
        return None if price is None else -price

    def context(card: Card) -> Decimal | None:
        window = card.model.context_window
        return None if window is None else Decimal(-window)

    return {
        "": None,
        "name": lambda card: card.model.name.lower(),
        "price": price_of,
        "-price": dearest,
        "context": context,
        "cost": lambda card: costs.get(card.key),
    }[sort]


def _between(price: Decimal | None, least: Decimal | None, most: Decimal | None) -> bool:
    return price is not None and (least is None or price >= least) and (most is None or price <= most)


class _Priced(NamedTuple):
    terms: Terms
    since: datetime | None
    until: datetime | None
    usd_per_credit: Decimal
    sold: Mapping[Key, Sold]


def sold(stock: Shelf, now: datetime, usd_per_credit: Decimal, terms: Terms = NO_TERMS) -> Mapping[Key, Sold]:
    """Of every model on the shelf, as a customer of `terms` pays; worked out once between two changes of price."""
    kept: _Priced | None = stock.kept.get(id(terms))
    if (
        kept is not None
        and kept.terms is terms
        and kept.usd_per_credit == usd_per_credit
        and (kept.since is None or kept.since <= now)
        and (kept.until is None or now < kept.until)
    ):
        return kept.sold
    prices = book.prices_of(card.key for card in stock.cards)
    edges = sorted({edge for each in prices.values() for edge in each.edges}.union(terms.edges))
    rows = listings([card.model for card in stock.cards], now=now, usd_per_credit=usd_per_credit, terms=terms)
    fresh = _Priced(
        terms=terms,
        since=max((edge for edge in edges if edge <= now), default=None),
        until=min((edge for edge in edges if edge > now), default=None),
        usd_per_credit=usd_per_credit,
        sold={row.key: _sold(row) for row in rows},
    )
    if len(stock.kept) >= MOST_KEPT:
        stock.kept.clear()
    stock.kept[id(terms)] = fresh
    return fresh.sold


def _sold(row: ModelListing) -> Sold:
    main = row.main
    comparable = main is not None and main.shown_unit == main_unit(row.modality)
    return Sold(
        main_usd=main.shown_usd if main is not None and comparable else None,
        typical_usd=Decimal(0) if row.free else row.typical_usd,
        free=row.free,
        plain=main.variant if main is not None else {},
    )


def model_listing(ref: str, *, now: datetime | None = None, terms: Terms = NO_TERMS) -> ModelListing | None:
    """One model by any reference usage understands, or None."""
    prices = book.prices_for(ref) if ref else None
    if prices is None:
        return None
    model = CatalogModel.objects.get(provider=prices.provider, model=prices.model)
    return listings([model], now=now or clock.now(), usd_per_credit=site().usd_per_credit, terms=terms)[0]


def platform_prices(*, now: datetime | None = None, terms: Terms = NO_TERMS) -> tuple[Price, ...]:
    """What the platform itself charges for; free actions have a price of zero."""
    prices = book.prices_for("")
    return _prices(prices, now or clock.now(), site().usd_per_credit, terms) if prices else ()


def prices_at(prices: ModelPrices, at: datetime, usd_per_credit: Decimal, terms: Terms = NO_TERMS) -> tuple[Price, ...]:
    """The model's own prices at `at`, variants included."""
    platform = _platform(prices)
    return tuple(price for price in _prices(prices, at, usd_per_credit, terms) if price.meter not in platform)


def listings(
    models: Sequence[CatalogModel], *, now: datetime, usd_per_credit: Decimal, terms: Terms = NO_TERMS
) -> tuple[ModelListing, ...]:
    """The rows of `models`, with one query for all prices that are not in memory."""
    prices = book.prices_of((model.provider, model.model) for model in models)
    return tuple(_listing(model, prices[model.provider, model.model], now, usd_per_credit, terms) for model in models)


def providers() -> list[str]:
    """Every provider with a priced model."""
    return list(shelf().providers)


def modalities() -> list[str]:
    """Every modality with a priced model."""
    return list(shelf().modalities)


def last_refreshed() -> datetime | None:
    """When upstream catalogues were last read with success."""
    read = PriceImport.objects.exclude(source__in=("platform", "shipped", "operator")).filter(
        Q(applied=True) | Q(report__noop=True)
    )
    return read.order_by("-at").values_list("at", flat=True).first()


def waiting() -> int:
    """Lines that wait for a person's approval."""
    return PriceLine.objects.filter(status=PriceLine.Status.PENDING).count()


_labels: TimedCache[str, dict[str, Meter]] = TimedCache(lambda _: Meter.objects.in_bulk(), seconds=30)


def meters() -> dict[str, Meter]:
    """All meters by key, at most 30 seconds old."""
    return _labels.get("")


def _listing(
    model: CatalogModel, prices: ModelPrices, now: datetime, usd_per_credit: Decimal, terms: Terms
) -> ModelListing:
    shown = prices_at(prices, now, usd_per_credit, terms)
    usage, usd = _typical(model.modality, prices, shown, now, terms)
    return ModelListing(
        ref=f"{model.provider}/{model.model}",
        provider=model.provider,
        model=model.model,
        name=model.name,
        modality=model.modality,
        context_window=model.context_window,
        retired=model.retired_at is not None,
        prices=shown,
        typical_usd=usd,
        typical_credits=None if usd is None else EXACT.divide(usd, usd_per_credit),
        typical_usage=usage,
    )


def _platform(prices: ModelPrices) -> set[str]:
    return {point.meter for point in prices.points if point.platform} if prices.model else set()


def _prices(prices: ModelPrices, now: datetime, usd_per_credit: Decimal, terms: Terms) -> tuple[Price, ...]:
    """Every line in force at `now`, variants included."""
    known = meters()
    markup = prices.markup_at(now)
    found = []
    for point in prices.current(now):
        line = line_of(point, markup)
        if terms:
            line = terms.applied_to(line, prices, now)
        meter = known.get(point.meter)
        label = meter.label if meter else point.meter.replace("_", " ").capitalize()
        price = _price(point, line, label, usd_per_credit)
        found.append((meter.position if meter else 10_000, point.meter, _plainness(point), price))
    return tuple(entry[-1] for entry in sorted(found, key=lambda entry: entry[:-1]))


def _price(point: PricePoint, line: TariffLine, label: str, usd_per_credit: Decimal) -> Price:
    usd = _usd(line)
    published, applied = point.price, line.applied
    if line.per != point.per:
        published = EXACT.divide(EXACT.multiply(published, Decimal(line.per)), Decimal(point.per))
    rungs = line.ladder.rungs if line.ladder else ()
    return Price(
        meter=point.meter,
        label=label,
        unit=point.unit,
        variant=point.dims,
        price_usd=usd,
        per=line.per,
        credits=EXACT.divide(usd, usd_per_credit),
        published_usd=published,
        markup_percent=line.markup_percent,
        price_id=point.price_id,
        discount_percent=applied.discount if applied else Decimal(0),
        own=applied is not None and applied.override_id is not None,
        tiers=tuple(_tier(start, rung, usd_per_credit) for start, rung in rungs),
        graduated=line.ladder is not None and line.ladder.graduated,
    )


def _tier(start: Decimal, rung: TariffLine, usd_per_credit: Decimal) -> TierPrice:
    usd = _usd(rung)
    off = rung.applied.off if rung.applied else Decimal(0)
    return TierPrice(start, usd, rung.per, EXACT.divide(usd, usd_per_credit), off)


def _usd(line: TariffLine) -> Decimal:
    """For `per` units, with everything that was applied."""
    return EXACT.divide(EXACT.multiply(line.numerator, Decimal(line.per)), line.divisor)


def _plainness(point: PricePoint) -> tuple[int, list[tuple[str, str]]]:
    return len(point.dims), sorted(point.dims.items())


def _typical(
    modality: str, prices: ModelPrices, shown: tuple[Price, ...], now: datetime, terms: Terms
) -> tuple[Mapping[str, int], Decimal | None]:
    """What a common request of this kind costs, in the plain variant or, without one, the first."""
    for usage in TYPICAL.get(modality, TYPICAL["text"]):
        quantities = {meter: Decimal(quantity) for meter, quantity in usage.items()}
        variants: list[Mapping[str, str]] = [{}, *(price.variant for price in shown if price.meter in usage)]
        for variant in variants[:2]:
            rating = rate(prices, usage=quantities, variant=variant, at=now, usd_per_credit=Decimal(1), terms=terms)
            if not rating.problem and rating.usd:
                return usage, rating.usd
    return {}, None
