"""The price list as the pages show it: filters from the address, rows with the prices of this customer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_

from django.db.models import Q
from django.http import QueryDict

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.site.selectors import site
from billing.metering.selectors.breakdown import breakdown
from billing.metering.selectors.work import Work
from billing.overview.pricequery import SCALES, Asked, asked_of
from billing.overview.pricereader import Reader
from billing.overview.words import meter_name, meter_unit
from billing.pricing.book import prices_for
from billing.pricing.display import SOLD_BY, Price
from billing.pricing.history import Identity, identity, per_unit
from billing.pricing.models import CatalogModel
from billing.pricing.names import Key
from billing.pricing.selectors import (
    ModelListing,
    ModelPage,
    last_refreshed,
    listings,
    modalities,
    models_list,
    providers,
)
from billing.pricing.tariff import EXACT
from billing.pricing.terms import Terms, terms_for

KINDS = {
    "text": "Text",
    "embedding": "Embedding",
    "image": "Image",
    "video": "Video",
    "speech": "Speech",
    "transcription": "Transcription",
    "realtime": "Realtime voice",
    "rerank": "Rerank",
    "search": "Search",
    "ocr": "Documents",
    "moderation": "Moderation",
}
# The first look of somebody who has not used anything yet.
COMMON = (
    "openai/gpt-4o-mini",
    "anthropic/claude-sonnet-4-5",
    "google/gemini-2.5-flash",
    "mistral/mistral-small-latest",
    "openai/gpt-image-1.5",
    "elevenlabs/eleven_flash_v2_5",
    "deepgram/nova-3",
    "openai/text-embedding-3-small",
)
# What a typical request is, in the width of a column; the numbers are those of pricing.display.TYPICAL.
TYPICAL = {
    "text": "1K in, 300 out",
    "embedding": "1K tokens",
    "image": "one image",
    "video": "5 seconds",
    "speech": "500 characters",
    "transcription": "one minute",
    "realtime": "one minute",
    "rerank": "one search",
    "search": "one search",
    "ocr": "one page",
    "moderation": "1K tokens",
}
MANY_LEFT = 99_999  # more are shown as "100K+"
MODELS_OF_OWN = 6


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One price in words: the amounts are for the unit that is shown."""

    label: str
    variant: str
    usd: Decimal
    credits: Decimal
    unit: str
    free: bool
    listed: "Shown | None" = None  # the list price, where this customer pays another one
    tiers: tuple["Tier", ...] = ()  # steps of the month's quantity, the first one included
    graduated: bool = False


@dataclass(frozen=True, kw_only=True)
class Tier:
    """A price once the month has counted `start` units."""

    start: Decimal
    usd: Decimal
    credits: Decimal


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the own work of 30 days would cost on a model."""

    usd: Decimal
    credits: Decimal


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    listing: ModelListing
    url: str
    kind: str
    input: Shown | None
    output: Shown | None
    unit: Shown | None  # what a model without token prices is sold by
    others: tuple[Shown, ...]  # everything, variants included
    typical: str  # what a typical request is
    left: int | None  # typical requests that the balance covers
    month: Cost | None

    @property
    def own_price(self) -> bool:
        """Whether this customer pays something else than the list says."""
        return any(price.listed for price in self.others)

    @property
    def many_left(self) -> bool:
        return self.left is not None and self.left > MANY_LEFT


@dataclass(frozen=True, kw_only=True)
class WorkLine:
    """One kind of work in words."""

    kind: str
    requests: int
    left_out: int
    quantities: tuple[tuple[str, Decimal], ...]  # what was counted, how much of it
    credits: int  # nano-credits that it cost


@dataclass(frozen=True, kw_only=True)
class PriceList:
    asked: Asked
    rows: tuple[ModelRow, ...]
    total: int
    refreshed: datetime | None
    next_cursor: str
    works: tuple[WorkLine, ...] = ()
    providers: tuple[str, ...] = ()
    modalities: tuple[tuple[str, str], ...] = ()

    @property
    def search(self) -> str:
        return self.asked.search

    @property
    def modality(self) -> str:
        return self.asked.modality

    @property
    def currency(self) -> str:
        return self.asked.currency

    @property
    def scale_text(self) -> str:
        return SCALES[self.asked.scale][1]

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """Models chosen to be compared that are not among the rows."""
        shown = {row.listing.ref for row in self.rows}
        return tuple(ref for ref in self.asked.chosen if ref not in shown)


def price_list(query: QueryDict, *, reader: Reader, limit: int, scale: str = "1k", own: bool = False) -> PriceList:
    """Models that match the query. `own`: the beginning of the list only, and without a search what the workspace
    used lately, then common models.

    Raises pricing.selectors.BadCursor.
    """
    known, works = modalities(), {} if own else reader.works
    asked = asked_of(query, providers=providers(), modalities=known, scale=scale, own=bool(works))
    found = models_asked(asked, reader, limit=limit, cursor="" if own else asked.cursor)
    rows = found.rows
    if own and reader.workspace is not None and not asked.narrowed:
        used = _used_or_common(reader.workspace, limit, reader.terms)
        taken = {listing.ref for listing in used}
        rows = (*used, *(listing for listing in rows if listing.ref not in taken))[:limit]
    return PriceList(
        asked=asked,
        rows=model_rows(rows, reader, SCALES[asked.scale], compared=not own),
        total=found.total,
        refreshed=last_refreshed(),
        next_cursor=found.next_cursor or "",
        works=work_lines(works, asked.modality),
        providers=tuple(providers()),
        modalities=tuple((key, kind_name(key)) for key in known),
    )


def models_asked(asked: Asked, reader: Reader, *, limit: int, cursor: str) -> ModelPage:
    """A page of the models that are asked for. Raises pricing.selectors.BadCursor."""
    face = site().usd_per_credit
    return models_list(
        search=asked.search,
        provider=asked.provider,
        modality=asked.modality,
        free=asked.free,
        min_usd=asked.usd(asked.low, face),
        max_usd=asked.usd(asked.high, face),
        sort=asked.sort,
        costs=reader.costs if asked.sort == "cost" else None,
        limit=limit,
        cursor=cursor,
        terms=reader.terms,
    )


def kind_name(modality: str) -> str:
    return KINDS.get(modality, modality.capitalize())


def work_lines(works: Mapping[str, Work], modality: str = "") -> tuple[WorkLine, ...]:
    """Of one kind or of all, the dearest first."""
    wanted = [work for work in works.values() if modality in ("", work.modality)]
    return tuple(
        WorkLine(
            kind=kind_name(work.modality),
            requests=work.requests,
            left_out=work.left_out,
            quantities=tuple(
                _counted(meter, quantity)
                for meter, quantity in sorted(work.usage.items(), key=lambda each: -each[1])
                if quantity
            ),
            credits=work.nano,
        )
        for work in sorted(wanted, key=lambda work: -work.nano)
    )


def _counted(meter: str, quantity: Decimal) -> tuple[str, Decimal]:
    name = meter_name(meter)
    return (
        (f"minutes of {name[:1].lower()}{name[1:]}", quantity / 60)
        if meter_unit(meter) == "second"
        else (name, quantity)
    )


def shown(price: Price, scale: tuple[int, str], listed: Price | None = None) -> Shown:
    """Tokens per 1K or 1M, everything else in the unit people buy it by. `listed`: the same price on the list."""
    size, text = (scale[0], f"{scale[1]} tokens") if price.unit == "token" else price.shown
    return Shown(
        label=price.label,
        variant=price.variant_text,
        usd=price.usd_for(size),
        credits=price.credits_for(size),
        unit=text,
        free=price.free,
        listed=shown(listed, scale) if listed is not None and per_unit(listed) != per_unit(price) else None,
        tiers=tuple(
            Tier(start=tier.start, usd=tier.price_usd * size / tier.per, credits=tier.credits * size / tier.per)
            for tier in price.tiers
        ),
        graduated=price.graduated,
    )


Listed = Mapping[Identity, Price]


def list_prices(models: Sequence[ModelListing], reader: Reader) -> Mapping[Key, Listed]:
    """The list prices of `models` for a reader who may pay others; nothing for everybody else."""
    if not reader.special:
        return {}
    catalogued = models_of(listing.ref for listing in models)
    found = listings(catalogued, now=clock.now(), usd_per_credit=site().usd_per_credit, terms=terms_for(None))
    return {listing.key: {identity(price): price for price in listing.prices} for listing in found}


def model_rows(
    models: Sequence[ModelListing], reader: Reader, scale: tuple[int, str], *, compared: bool = True
) -> tuple[ModelRow, ...]:
    """`compared`: with what the own usage would cost on each."""
    listed, months = list_prices(models, reader), reader.costs_on(models) if compared else {}
    return tuple(
        _row(listing, reader, scale, listed.get(listing.key, {}), months.get(listing.key)) for listing in models
    )


def _row(
    listing: ModelListing, reader: Reader, scale: tuple[int, str], listed: Listed, month: Decimal | None
) -> ModelRow:
    def words(price: Price | None) -> Shown | None:
        return shown(price, scale, listed.get(identity(price))) if price else None

    plain = {price.meter: price for price in listing.plain_prices}
    own = next((plain[meter] for meter in SOLD_BY.get(listing.modality, ()) if meter in plain), None)
    into = None if own else plain.get("input_tokens") or plain.get("embedding_tokens")
    out = None if own else plain.get("output_tokens")
    return ModelRow(
        listing=listing,
        url=reader.model_url(listing.ref),
        kind=kind_name(listing.modality),
        input=words(into),
        output=words(out),
        unit=None if into else words(listing.main),
        others=tuple(shown(price, scale, listed.get(identity(price))) for price in listing.prices),
        typical=TYPICAL.get(listing.modality, TYPICAL["text"]),
        left=_left(reader.available, listing.typical_credits),
        month=None if month is None else Cost(usd=month, credits=EXACT.divide(month, site().usd_per_credit)),
    )


def chosen_names(refs: Iterable[str]) -> dict[str, str]:
    """The names of models by their references; what is no model is left out."""
    found = models_of(refs)
    return {f"{model.provider}/{model.model}": model.name for model in found}


def models_of(refs: Iterable[str]) -> list[CatalogModel]:
    """The models that references mean, in their order, each once."""
    prices = (prices_for(ref) for ref in refs if ref)
    keys = list(dict.fromkeys((found.provider, found.model) for found in prices if found))
    wanted = reduce(or_, (Q(provider=provider, model=model) for provider, model in keys), Q(pk=None))
    models = {(model.provider, model.model): model for model in CatalogModel.objects.filter(wanted)}
    return [models[key] for key in keys if key in models]


def _left(available: int | None, cost: Decimal | None) -> int | None:
    if available is None or not cost:
        return None
    return int(Decimal(max(available, 0)) / (cost * NANO))


def _used_or_common(workspace: Workspace, limit: int, terms: Terms) -> tuple[ModelListing, ...]:
    now = clock.now()
    rows = breakdown(workspace, by="model", since=now - timedelta(days=30), until=now + timedelta(hours=1))
    refs = [row.key for row in rows if row.key]
    models = models_of([*refs[:MODELS_OF_OWN], *COMMON])[:limit]
    return listings(models, now=now, usd_per_credit=site().usd_per_credit, terms=terms)
