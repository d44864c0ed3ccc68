"""Everything a page about one model says: prices with where they come from, their history, who else sells it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Max, Q

from billing.credits import clock
from billing.foundation.site.selectors import site
from billing.pricing import book
from billing.pricing.history import Change, Stretch, changes, stretches
from billing.pricing.models import CatalogModel, PriceImport, PriceLine
from billing.pricing.selectors import ModelListing, listings, prices_at
from billing.pricing.shelf import bare, shelf
from billing.pricing.terms import NO_TERMS, Terms


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who says so: a source, and when it was last read. Operators' own rows are not read from anywhere."""

    source: str
    version: str
    read_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ModelDetail:
    listing: ModelListing
    by_maker: bool
    names: tuple[str, ...]  # that usage may call it by, its reference first
    retired_at: datetime | None
    first_read: datetime | None  # since when its prices are known here
    origins: tuple[Origin, ...]
    origin_of: Mapping[int, Origin]  # by price id
    stretches: tuple[Stretch, ...]  # oldest first, those ahead among them
    past: tuple[Change, ...]  # newest first
    ahead: tuple[Change, ...]  # soonest first
    elsewhere: tuple[ModelListing, ...]  # the same model, as others sell it


def canonical(ref: str) -> str:
    """ "provider/model" of whatever usage may call a model by; empty when nothing is called so."""
    prices = book.prices_for(ref) if ref else None
    return prices.ref if prices else ""


def model_detail(ref: str, *, now: datetime | None = None, terms: Terms = NO_TERMS) -> ModelDetail | None:
    """The model called `ref` as a customer of `terms` sees it, or None."""
    prices = book.prices_for(ref) if ref else None
    if prices is None:
        return None
    now, face = now or clock.now(), site().usd_per_credit
    model = CatalogModel.objects.get(provider=prices.provider, model=prices.model)
    through = stretches([*prices.edges, *terms.edges], lambda at: prices_at(prices, at, face, terms))
    changed = changes(through)
    origin_of, first_read = _origins(prices.provider, prices.model)
    listing = listings([model], now=now, usd_per_credit=face, terms=terms)[0]
    current = {origin_of[price.price_id] for price in listing.prices if price.price_id in origin_of}
    return ModelDetail(
        listing=listing,
        by_maker=model.by_maker,
        names=_names(model),
        retired_at=model.retired_at,
        first_read=first_read,
        origins=tuple(sorted(current, key=lambda origin: origin.source)),
        origin_of=origin_of,
        stretches=tuple(through),
        past=tuple(change for change in changed if change.at <= now),
        ahead=tuple(sorted((change for change in changed if change.at > now), key=lambda change: change.at)),
        elsewhere=_elsewhere(model, now, face, terms),
    )


def _names(model: CatalogModel) -> tuple[str, ...]:
    """Only those that lead here: a bare name may mean somebody else's model."""
    ref = f"{model.provider}/{model.model}"
    aliases = [f"{model.provider}/{alias}" for alias in model.aliases]
    asked = dict.fromkeys([ref, model.model, *model.aliases, *aliases])
    return tuple(name for name in asked if canonical(name) == ref)


def _origins(provider: str, model: str) -> tuple[dict[int, Origin], datetime | None]:
    lines = list(
        PriceLine.objects.filter(provider=provider, model=model, status=PriceLine.Status.ACTIVE)
        .order_by("pk")
        .values_list("pk", "source", "imported__at")
    )
    sources = {source for _, source, _ in lines}
    read = {source: Origin(source=source, version="", read_at=None) for source in sources} | _last_read(sources)
    return {pk: read[source] for pk, source, _ in lines}, min((at for *_, at in lines if at), default=None)


def _last_read(sources: Iterable[str]) -> dict[str, Origin]:
    """The last good reading of each source; one that found nothing new counts, too."""
    good = PriceImport.objects.filter(Q(applied=True) | Q(report__noop=True), source__in=set(sources))
    latest = list(good.values("source").annotate(latest=Max("pk")).values_list("latest", flat=True))
    rows = PriceImport.objects.filter(pk__in=latest).values_list("source", "version", "at")
    return {source: Origin(source=source, version=version, read_at=at) for source, version, at in rows}


def _elsewhere(model: CatalogModel, now: datetime, face: Decimal, terms: Terms) -> tuple[ModelListing, ...]:
    name = bare(model.model)
    others = [
        card.model
        for card in shelf().cards
        if card.model.pk != model.pk and card.model.modality == model.modality and bare(card.model.model) == name
    ]
    return listings(others, now=now, usd_per_credit=face, terms=terms)
