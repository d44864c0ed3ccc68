"""Rated here and by genai-prices itself: no difference over every token-priced model."""

import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from genai_prices import Usage
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider

from billing.pricing.meters import TOKEN_KINDS
from billing.pricing.rating import Rating, rate
from billing.pricing.sources import genai
from billing.pricing.tariff import ModelPrices
from billing.pricing.tests.builders import from_rows

DAY = datetime(2026, 11, 20, tzinfo=UTC)
# The properties a token can have, apart from its direction.
KINDS = {"input": [(), ("cached",), ("written",), ("written", "5m"), ("written", "1h")], "output": [(), ("reasoning",)]}
THEIRS = {ours: theirs for theirs, ours in genai.METERS.items()}


@dataclass(frozen=True)
class Book:
    provider: Provider
    model: ModelInfo
    prices: ModelPrices
    contexts: list[dict[str, str] | None]  # as the library names them; here they are one dimension, `tier`


def books() -> Iterator[Book]:
    reading = genai.read()
    rows: dict[tuple[str, str], list[genai.PriceRow]] = {}
    for row in reading.rows:
        rows.setdefault((row.provider, row.model), []).append(row)
    modality = {(model.provider, model.model): model.modality for model in reading.models}
    for provider in providers:
        for model in provider.models:
            key = (provider.id, model.id)
            if any(row.unit == "token" for row in rows.get(key, ())):
                contexts = [None, {"processing": "batch"}, *(dict(v.when) for v in model.price_variants or ())]
                yield Book(provider, model, from_rows(rows[key], modality=modality[key]), contexts)


def counted(book: Book, rng: random.Random) -> dict[str, Decimal]:
    """Consistent token counts: every token has a direction, a kind and a modality; a meter counts what it covers."""
    priced = {point.meter for point in book.prices.points}
    directions = [d for d in KINDS if f"{d}_tokens" in priced or (d == "input" and "embedding_tokens" in priced)]
    modalities = [m for m in ("audio", "image", "video") if any(f"_{m}_" in meter for meter in priced)]
    cells: dict[frozenset[str], int] = {}
    for direction in directions:
        for kind in KINDS[direction]:
            for modality in ["text", *modalities]:
                if rng.random() < 0.7:
                    size = rng.choice([9, 800, 40_000, 210_000])
                    cells[frozenset({direction, *kind, modality})] = rng.randint(0, size)
    usage = {meter: sum(count for cell, count in cells.items() if kind <= cell) for meter, kind in TOKEN_KINDS.items()}
    return {meter: Decimal(count) for meter, count in usage.items() if meter in priced or count}


def difference(book: Book, usage: dict[str, Decimal], at: datetime, context: dict[str, str] | None) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = book.model.calc_price(
            Usage(**{THEIRS.get(meter, meter): int(count) for meter, count in usage.items()}),
            book.provider,
            genai_request_timestamp=at,
            price_context=context,
        ).total_price
    ours: Rating = rate(book.prices, usage=usage, variant=context or {}, at=at, usd_per_credit=Decimal(1))
    if not ours.problem and abs(ours.usd - theirs) <= theirs * Decimal("1e-9"):
        return ""
    return f"{book.prices.ref} {context} {at} {usage}: {ours.usd} {ours.detail}, not {theirs}"


def compare(times: int, *, seed: int, sample: int | None = None) -> tuple[int, list[str]]:
    rng = random.Random(seed)
    chosen = list(books())
    if sample:
        chosen = rng.sample(chosen, sample)
    compared, differences = 0, []
    for book in chosen:
        for _ in range(times):
            at = DAY + timedelta(days=rng.choice([-500, -40, 0, 60, 400]), minutes=rng.randrange(1440))
            differences.append(difference(book, counted(book, rng), at, rng.choice(book.contexts)))
            compared += 1
    return compared, [text for text in differences if text]


def test_a_seeded_sample_costs_what_the_library_says() -> None:
    compared, differences = compare(1, seed=20261121)
    assert compared >= 2000
    assert differences == []


def test_models_with_variants_and_windows_cost_what_the_library_says() -> None:
    rng = random.Random(7)
    for book in books():
        if book.model.price_variants or book.provider.id in ("deepseek", "perplexity"):
            for context in book.contexts:
                text = difference(book, counted(book, rng), DAY + timedelta(minutes=rng.randrange(1440)), context)
                assert text == ""


@pytest.mark.slow
def test_ten_thousand_cases_cost_what_the_library_says() -> None:
    compared, differences = compare(6, seed=1)
    assert compared >= 10_000
    assert differences == []


def test_every_model_of_the_library_is_read() -> None:
    reading = genai.read()
    assert len(reading.models) == sum(len(provider.models) for provider in providers) > 2000
    empty = {(m.provider, m.model) for m in reading.models} - {(row.provider, row.model) for row in reading.rows}
    assert len(empty) < 200  # free or unknown: the library does not say
    assert not any(row.price == 0 for row in reading.rows)
