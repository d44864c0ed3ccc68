"""Prices of the installed `genai-prices` package (MIT): tokens of every large provider, speech and pages of some.

Read once per import from the package's own data; nothing is fetched.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.metadata import version

from genai_prices.data import providers
from genai_prices.data_units import unit_data
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.units import UnitRegistry

from billing.pricing.sources.modality import modality_of
from billing.pricing.sources.rows import ModelRow, PriceRow, Reading, clean, dims_of

SOURCE = "genai-prices"
UNITS = UnitRegistry(unit_data)

METERS = {  # their usage key → our meter; all others keep their own name
    "cache_read_tokens": "cached_input_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "input_audio_seconds": "audio_input_seconds",
    "output_audio_seconds": "audio_output_seconds",
    "input_document_pages": "pages",
    "input_annotated_document_pages": "annotated_pages",
    "rerank_searches": "searches",
}
FAMILIES = {
    "tokens": "token",
    "characters": "character",
    "durations": "second",
    "document_pages": "page",
    "pixels": "pixel",
    "messages": "message",
    "requests": "request",
}
TIER_KEYS = ("processing", "service_tier", "speed")
# Groq bills each transcription as ten seconds at least; the package knows it in code, not in its data.
MINIMUM_SECONDS = {("groq", "whisper-large-v3"): 10, ("groq", "whisper-large-v3-turbo"): 10}


@dataclass(frozen=True)
class _Set:
    """One price set of a model: always, from a date on, in a daily window, or for a request variant."""

    prices: ModelPrice
    start: date | None
    dims: dict[str, str]


def read() -> Reading:
    """Every model and price of the installed release."""
    rows: list[PriceRow] = []
    models: list[ModelRow] = []
    for provider in providers:
        for model in provider.models:
            of_model = _without_doubles(list(_rows(provider.id, model)))
            modality = modality_of(provider.id, model.id, {row.meter for row in of_model})
            rows += [_embedding(row) for row in of_model] if modality == "embedding" else of_model
            models.append(_model(provider, model, modality))
    return Reading(SOURCE, version("genai-prices"), rows, models)


def _model(provider: Provider, model: ModelInfo, modality: str) -> ModelRow:
    makes = provider.model_match is not None and provider.model_match.is_match(model.id)
    makes = makes or (provider.id == "openai" and model.id.startswith("text-embedding"))
    aliases = sorted({alias for alias in _aliases(model.match) if alias != model.id})
    name = (model.name or model.id)[:200]
    return ModelRow(provider.id, model.id, name, modality, model.context_window, tuple(aliases), makes)


def _aliases(clause: object) -> Iterator[str]:
    """Only exact names: a prefix or a pattern would also catch models that do not exist yet."""
    if isinstance(clause, ClauseEquals):
        yield clause.equals
    elif isinstance(clause, ClauseOr):
        for inner in clause.or_:
            yield from _aliases(inner)


def _sets(model: ModelInfo) -> Iterator[_Set]:
    if isinstance(model.prices, ModelPrice):
        yield _Set(model.prices, None, {})
    else:
        for conditional in model.prices:
            yield _Set(conditional.prices, *_constraint(conditional.constraint))
    for variant in model.price_variants or ():
        start, dims = _constraint(variant.constraint)
        for key, value in variant.when.items():
            dims["tier" if key in TIER_KEYS else key] = value.lower()
        yield _Set(variant.prices, start, dims)


def _constraint(constraint: StartDateConstraint | TimeOfDateConstraint | None) -> tuple[date | None, dict[str, str]]:
    if isinstance(constraint, StartDateConstraint):
        return constraint.start_date, {}
    if isinstance(constraint, TimeOfDateConstraint):
        return None, {"utc_window": f"{constraint.start_time:%H:%M}-{constraint.end_time:%H:%M}"}
    return None, {}


def _rows(provider: str, model: ModelInfo) -> Iterator[PriceRow]:
    sets = list(_sets(model))
    dated = sorted((s for s in sets if s.start and not s.dims), key=lambda s: s.start or date.min)
    for price_set in sets:
        later = [] if price_set.dims else [s for s in dated if (s.start or date.min) > (price_set.start or date.min)]
        for key, value in price_set.prices.__dict__.items():
            if value is None or key.startswith("_"):
                continue
            unit = UNITS.unit_for_price_key(key)
            for threshold, price in _tiers(value):
                yield PriceRow(
                    provider=provider,
                    model=model.id,
                    meter=METERS.get(unit.usage_key, unit.usage_key),
                    unit=FAMILIES.get(unit.dimensions.get("family", ""), "search"),
                    price=clean(price),
                    per=unit.per,
                    dims=dims_of(**price_set.dims, context_over=threshold, minimum=_minimum(provider, model.id, key)),
                    upstream_from=price_set.start,
                    upstream_until=next((s.start for s in later if threshold not in _thresholds(s, key)), None),
                )


def _minimum(provider: str, model: str, key: str) -> int | None:
    return MINIMUM_SECONDS.get((provider, model)) if "audio" in key else None


def _tiers(value: Decimal | TieredPrices) -> list[tuple[int, Decimal]]:
    if isinstance(value, TieredPrices):
        return [(0, value.base), *((tier.start, tier.price) for tier in value.tiers)]
    return [(0, value)]


def _thresholds(price_set: _Set, key: str) -> set[int]:
    """The context tiers a price set has for a meter: a dated set replaces the older one whole."""
    value = price_set.prices.__dict__.get(key)
    return set() if value is None else {threshold for threshold, _ in _tiers(value)}


def _without_doubles(rows: list[PriceRow]) -> list[PriceRow]:
    """Audio time is listed as a whole and as its input part at one price: the part is enough."""
    parts = {(row.dims, row.upstream_from, row.price) for row in rows if row.meter == "audio_input_seconds"}
    return [r for r in rows if r.meter != "audio_seconds" or (r.dims, r.upstream_from, r.price) not in parts]


def _embedding(row: PriceRow) -> PriceRow:
    if row.meter != "input_tokens":
        return row
    fields = {name: getattr(row, name) for name in PriceRow.__dataclass_fields__}
    return PriceRow(**{**fields, "meter": "embedding_tokens"})
