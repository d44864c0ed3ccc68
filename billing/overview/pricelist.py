"""The price list as the pages show it: filters from the address, rows with the prices of this customer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from urllib.parse import urlencode

from django.db.models import Q

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.site.selectors import site
from billing.metering.selectors.breakdown import breakdown
from billing.pricing.book import prices_for
from billing.pricing.display import Price
from billing.pricing.models import CatalogModel
from billing.pricing.selectors import (
    ModelListing,
    last_refreshed,
    listings,
    modalities,
    models_list,
    providers,
)

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
# What people compare models of a kind by, if they are sold that way.
SOLD_BY = {
    "image": ("images",),
    "video": ("video_seconds", "requests"),
    "speech": ("input_characters",),
    "transcription": ("audio_input_seconds", "audio_seconds"),
    "rerank": ("searches",),
    "search": ("searches",),
    "ocr": ("pages",),
}
SCALES = {"1k": (1_000, "1K"), "1m": (1_000_000, "1M")}
CURRENCIES = {"credits": "Credits", "usd": "US dollars"}
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
MOST_SEARCH = 100
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


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    listing: ModelListing
    kind: str
    input: Shown | None
    output: Shown | None
    unit: Shown | None  # what a model without token prices is sold by
    others: tuple[Shown, ...]  # everything, variants included
    typical: str  # what a typical request is
    left: int | None  # typical requests that the balance covers

    @property
    def many_left(self) -> bool:
        return self.left is not None and self.left > MANY_LEFT


@dataclass(frozen=True, kw_only=True)
class PriceList:
    rows: tuple[ModelRow, ...]
    search: str
    provider: str
    modality: str
    scale: str
    currency: str
    refreshed: datetime | None
    next_cursor: str
    providers: tuple[str, ...] = ()
    modalities: tuple[tuple[str, str], ...] = field(default=())

    @property
    def scale_text(self) -> str:
        return SCALES[self.scale][1]

    def link(self, **changes: str) -> str:
        """The query of the same list with `changes`."""
        query = {
            "q": self.search,
            "provider": self.provider,
            "modality": self.modality,
            "per": self.scale,
            "in": self.currency,
            **changes,
        }
        return urlencode({key: value for key, value in query.items() if value})


def price_list(
    query: Mapping[str, str], *, workspace: Workspace, available: int, limit: int, scale: str = "1k", own: bool = False
) -> PriceList:
    """Models that match the query. `own`: the beginning of the list only, and without a search what the workspace
    used lately, then common models.

    Raises pricing.selectors.BadCursor.
    """
    search = query.get("q", "").strip()[:MOST_SEARCH].replace("\x00", "")
    asked_provider, asked_modality = query.get("provider", ""), query.get("modality", "")
    known_providers, known_modalities = tuple(providers()), modalities()
    provider = asked_provider if asked_provider in known_providers else ""
    modality = asked_modality if asked_modality in known_modalities else ""
    scale = query.get("per", scale) if query.get("per") in SCALES else scale
    cursor = "" if own else query.get("cursor", "")
    found = models_list(search=search, provider=provider, modality=modality, limit=limit, cursor=cursor)
    rows = found.rows
    if own and not (search or provider or modality):
        used = _used_or_common(workspace, limit)
        taken = {listing.ref for listing in used}
        rows = (*used, *(listing for listing in rows if listing.ref not in taken))[:limit]
    return PriceList(
        rows=tuple(_row(listing, available, SCALES[scale]) for listing in rows),
        search=search,
        provider=provider,
        modality=modality,
        scale=scale,
        currency=query["in"] if query.get("in") in CURRENCIES else "credits",
        refreshed=last_refreshed(),
        next_cursor=found.next_cursor or "",
        providers=known_providers,
        modalities=tuple((key, KINDS.get(key, key.capitalize())) for key in known_modalities),
    )


def shown(price: Price, scale: tuple[int, str]) -> Shown:
    """Tokens per 1K or 1M, everything else in the unit people buy it by."""
    if price.unit == "token":
        size, text = scale[0], f"{scale[1]} tokens"
        usd, credits = price.usd_for(size), price.credits_for(size)
    else:
        usd, credits, text = price.shown_usd, price.shown_credits, price.shown_unit
    return Shown(label=price.label, variant=price.variant_text, usd=usd, credits=credits, unit=text, free=price.free)


def _row(listing: ModelListing, available: int, scale: tuple[int, str]) -> ModelRow:
    plain = {price.meter: price for price in listing.plain_prices}
    own = next((plain[meter] for meter in SOLD_BY.get(listing.modality, ()) if meter in plain), None)
    into = None if own else plain.get("input_tokens") or plain.get("embedding_tokens")
    out = None if own else plain.get("output_tokens")
    main = None if into or not plain else own or next(iter(plain.values()))
    return ModelRow(
        listing=listing,
        kind=KINDS.get(listing.modality, listing.modality.capitalize()),
        input=shown(into, scale) if into else None,
        output=shown(out, scale) if out else None,
        unit=shown(main, scale) if main else None,
        others=tuple(shown(price, scale) for price in listing.prices),
        typical=TYPICAL.get(listing.modality, TYPICAL["text"]),
        left=_left(available, listing.typical_credits),
    )


def _left(available: int, cost: Decimal | None) -> int | None:
    return int(Decimal(max(available, 0)) / (cost * NANO)) if cost else None


def _used_or_common(workspace: Workspace, limit: int) -> tuple[ModelListing, ...]:
    now = clock.now()
    rows = breakdown(workspace, by="model", since=now - timedelta(days=30), until=now + timedelta(hours=1))
    refs = [row.key for row in rows if row.key]
    prices = (prices_for(ref) for ref in (*refs[:MODELS_OF_OWN], *COMMON))
    keys = list(dict.fromkeys((found.provider, found.model) for found in prices if found))[:limit]
    wanted = reduce(or_, (Q(provider=provider, model=model) for provider, model in keys), Q(pk=None))
    models = {(model.provider, model.model): model for model in CatalogModel.objects.filter(wanted)}
    return listings([models[key] for key in keys if key in models], now=now, usd_per_credit=site().usd_per_credit)
