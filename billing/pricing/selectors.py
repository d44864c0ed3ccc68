"""Reading the catalogue for pages and the API: models with the prices their customers pay."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat

from billing.credits import clock
from billing.foundation.cache import TimedCache
from billing.foundation.site.selectors import site
from billing.pricing import book
from billing.pricing.display import TYPICAL, Price, TierPrice
from billing.pricing.models import CatalogModel, Meter, PriceImport, PriceLine
from billing.pricing.rating import rate
from billing.pricing.tariff import EXACT, ModelPrices, PricePoint, TariffLine, line_of
from billing.pricing.terms import NO_TERMS, Terms

MOST = 200


class BadCursor(ValueError):
    """The cursor was not made by this list."""


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


def models_list(
    *,
    search: str = "",
    provider: str = "",
    modality: str = "",
    limit: int = 50,
    cursor: str = "",
    now: datetime | None = None,
    usd_per_credit: Decimal | None = None,
    terms: Terms = NO_TERMS,
) -> ModelPage:
    """Priced models, those sold by their makers first, with the prices in force now as a customer of `terms` pays them.

    Each word of `search` must occur in the reference or the name. Raises BadCursor.
    """
    models = _priced().alias(ref=Concat("provider", Value("/"), "model", output_field=CharField()))
    for word in search.replace("\x00", "").split()[:8]:
        models = models.filter(Q(ref__icontains=word) | Q(name__icontains=word))
    if provider:
        models = models.filter(provider=provider)
    if modality:
        models = models.filter(modality=modality)
    if cursor:
        models = models.filter(_after(*_decode(cursor)))
    limit = max(1, min(limit, MOST))
    found = list(models.order_by("-by_maker", "provider", "model")[: limit + 1])
    face_value = usd_per_credit or site().usd_per_credit
    rows = listings(found[:limit], now=now or clock.now(), usd_per_credit=face_value, terms=terms)
    more = len(found) > limit
    return ModelPage(rows, _encode(found[limit - 1]) if more else None)


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


def listings(
    models: Sequence[CatalogModel], *, now: datetime, usd_per_credit: Decimal, terms: Terms = NO_TERMS
) -> tuple[ModelListing, ...]:
    """The rows of `models`, with one query for all prices that are not in memory."""
    prices = book.prices_of((model.provider, model.model) for model in models)
    return tuple(_listing(model, prices[model.provider, model.model], now, usd_per_credit, terms) for model in models)


def providers() -> list[str]:
    """Every provider with a priced model."""
    return _choices.get("provider")


def modalities() -> list[str]:
    """Every modality with a priced model."""
    return _choices.get("modality")


def last_refreshed() -> datetime | None:
    """When upstream catalogues were last read with success."""
    read = PriceImport.objects.exclude(source="platform").filter(Q(applied=True) | Q(report__noop=True))
    return read.order_by("-at").values_list("at", flat=True).first()


def waiting() -> int:
    """Lines that wait for a person's approval."""
    return PriceLine.objects.filter(status=PriceLine.Status.PENDING).count()


def _priced() -> QuerySet[CatalogModel]:
    lines = PriceLine.objects.filter(
        provider=OuterRef("provider"), model=OuterRef("model"), status=PriceLine.Status.ACTIVE, effective_to=None
    )
    return CatalogModel.objects.filter(Exists(lines))


def _distinct(field: str) -> list[str]:
    return list(_priced().order_by(field).values_list(field, flat=True).distinct())


_choices: TimedCache[str, list[str]] = TimedCache(_distinct, seconds=30)
_labels: TimedCache[str, dict[str, Meter]] = TimedCache(lambda _: Meter.objects.in_bulk(), seconds=30)


def meters() -> dict[str, Meter]:
    """All meters by key, at most 30 seconds old."""
    return _labels.get("")


def _listing(
    model: CatalogModel, prices: ModelPrices, now: datetime, usd_per_credit: Decimal, terms: Terms
) -> ModelListing:
    platform = _platform(prices)
    shown = tuple(price for price in _prices(prices, now, usd_per_credit, terms) if price.meter not in platform)
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


def _after(by_maker: bool, provider: str, model: str) -> Q:
    later = Q(provider__gt=provider) | Q(provider=provider, model__gt=model)
    return (Q(by_maker=True) & later) | Q(by_maker=False) if by_maker else Q(by_maker=False) & later


def _encode(model: CatalogModel) -> str:
    text = json.dumps([model.by_maker, model.provider, model.model], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[bool, str, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        by_maker, provider, model = json.loads(base64.urlsafe_b64decode(padded.encode()))
    except (binascii.Error, ValueError, TypeError, UnicodeError) as error:
        raise BadCursor("this cursor is not one of ours") from error
    if not (isinstance(by_maker, bool) and isinstance(provider, str) and isinstance(model, str)):
        raise BadCursor("this cursor is not one of ours")
    return by_maker, provider.replace("\x00", ""), model.replace("\x00", "")
