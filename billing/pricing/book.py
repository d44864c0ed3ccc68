"""Every process's view of the catalogue: read once, kept, checked every 30 seconds by one small query.

The names of all models are held in memory; a model's lines are read when it is first asked for and kept until the
revision changes. Everything handed out is immutable, so threads share it freely.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from threading import Lock

from django.db import transaction

from billing.foundation.cache import TimedCache
from billing.pricing.meters import SUM, Ancestors, with_custom
from billing.pricing.models import CatalogModel, Markup, Meter, PriceLine, PriceRevision
from billing.pricing.names import Catalogue, Key
from billing.pricing.sources import FETCHED
from billing.pricing.tariff import MarkupPoint, ModelPrices, PricePoint

CHECK_EVERY = 30.0  # seconds; a price change takes effect 60 seconds after its import
# Of the sources that price a meter of a model, the highest rank decides all its lines. `shipped` are Purser's own rows
# for what no catalogue has: they stand behind the operator's, so that an update never overwrites what was entered.
RANKS = {
    "operator": 70,
    "shipped": 60,
    "platform": 50,
    "genai-prices": 40,
    "bundled": 30,
    "litellm": 20,
    "openrouter": 10,
}

PLATFORM: Key = ("platform", "")


@dataclass
class _Book:
    revision: int
    catalogue: Catalogue
    ancestors: Ancestors
    markups: list[tuple[str, str, Decimal, datetime | None]]
    platform: list[PricePoint]
    aggregated: dict[str, str]  # meters that are not summed
    models: dict[Key, ModelPrices] = field(default_factory=dict)
    edition: object = field(default_factory=object)


class _Kept(TimedCache[str, _Book]):
    """The book, looked at again when its time is up and read again only when the revision has changed."""

    latest: _Book | None = None

    def look_again(self) -> None:
        super().clear()

    def clear(self) -> None:
        super().clear()
        self.latest = None


def _look(_: str) -> _Book:
    revision = PriceRevision.objects.values_list("number", flat=True).first() or 0
    latest = _kept.latest
    if latest is None or latest.revision != revision:
        latest = _kept.latest = _load(revision)
    return latest


_kept = _Kept(_look, seconds=CHECK_EVERY)
_lock = Lock()


def prices_for(model_ref: str) -> ModelPrices | None:
    """The prices of "provider/model", an alias or an unambiguous bare name; "" means the platform's meters alone.

    None when the catalogue does not know the model.
    """
    book = _kept.get("")
    key = book.catalogue.find(model_ref) if model_ref else PLATFORM
    if key is None:
        return None
    return book.models.get(key) or _load_model(book, key)


def prices_of(keys: Iterable[Key]) -> dict[Key, ModelPrices]:
    """The prices of many (provider, model) at once, in one query for those not read yet (lists and pages)."""
    book = _kept.get("")
    wanted = list(keys)
    absent = [key for key in wanted if key not in book.models]
    if absent:
        lines = PriceLine.objects.filter(
            provider__in={key[0] for key in absent}, model__in={key[1] for key in absent}, status="active"
        ).order_by("pk")
        points: dict[Key, list[PricePoint]] = {key: [] for key in absent}
        for line in lines:
            if (line.provider, line.model) in points:
                points[line.provider, line.model].append(point_of(line))
        for key, found in points.items():
            book.models.setdefault(key, _model_prices(book, key, found))
    return {key: book.models[key] for key in wanted}


def edition() -> object:
    """The same for as long as the catalogue is: what is worked out from it may be kept until there is another one."""
    return _kept.get("").edition


def invalidate() -> None:
    """Forget everything in this process, now and once more when the running transaction is committed."""
    _kept.clear()
    transaction.on_commit(_kept.clear)


def look_again() -> None:
    """Make the next look at prices ask whether they have changed, without waiting for its 30 seconds."""
    _kept.look_again()


def _load(revision: int) -> _Book:
    models = CatalogModel.objects.order_by("pk").values_list("provider", "model", "aliases", "by_maker", "modality")
    added = CatalogModel.objects.filter(source__in=FETCHED)
    return _Book(
        revision=revision,
        catalogue=Catalogue(models, further=set(added.values_list("provider", "model"))),
        ancestors=with_custom(Meter.objects.values_list("key", "contained_in_id")),
        markups=list(Markup.objects.values_list("provider", "model", "percent", "effective_from")),
        platform=_points("platform", ""),
        aggregated=dict(Meter.objects.exclude(aggregation=SUM).values_list("key", "aggregation")),
    )


def _load_model(book: _Book, key: Key) -> ModelPrices:
    provider, model = key
    with _lock:
        if key not in book.models:
            book.models[key] = _model_prices(book, key, _points(provider, model) if model else [])
        return book.models[key]


def _model_prices(book: _Book, key: Key, points: list[PricePoint]) -> ModelPrices:
    provider, model = key
    return ModelPrices(
        provider=provider,
        model=model,
        points=(*points, *book.platform),
        markups=tuple(_markups(book.markups, provider, model)),
        ancestors=book.ancestors,
        modality=book.catalogue.modality(key),
        aggregated=book.aggregated,
    )


def _points(provider: str, model: str) -> list[PricePoint]:
    lines = PriceLine.objects.filter(provider=provider, model=model, status=PriceLine.Status.ACTIVE).order_by("pk")
    return [point_of(line) for line in lines]


def point_of(line: PriceLine) -> PricePoint:
    """A catalogue row as rating sees it: billed from the later of our date and upstream's."""
    return PricePoint(
        price_id=line.pk,
        meter=line.meter,
        dims=line.dims,
        price=line.price.normalize(),
        per=line.per,
        unit=line.unit,
        starts=_latest(line.effective_from, line.upstream_from),
        ends=_earliest(line.effective_to, line.upstream_until),
        upstream_from=line.upstream_from,
        rank=RANKS.get(line.source, 0),
        markup=line.markup_percent,
        platform=not line.model,
    )


def markups_of(provider: str, model: str) -> Iterable[MarkupPoint]:
    """The markups of a model, straight from the database."""
    return _markups(Markup.objects.values_list("provider", "model", "percent", "effective_from"), provider, model)


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None


def _latest(instant: datetime | None, day: date | None) -> datetime | None:
    return max((x for x in (instant, _midnight(day)) if x), default=None)


def _earliest(instant: datetime | None, day: date | None) -> datetime | None:
    return min((x for x in (instant, _midnight(day)) if x), default=None)


def _markups(
    markups: Iterable[tuple[str, str, Decimal, datetime | None]], provider: str, model: str
) -> Iterable[MarkupPoint]:
    for for_provider, for_model, percent, starts in markups:
        if for_provider in ("", provider) and for_model in ("", model):
            yield MarkupPoint(2 if for_model else 1 if for_provider else 0, percent, starts)
