"""The catalogue as pages and the API read it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps

from billing.pricing import selectors
from billing.pricing.approvals import markup_add
from billing.pricing.models import CatalogModel, Meter, PriceImport, PriceLine
from billing.pricing.selectors import BadCursor, model_listing, models_list, platform_prices
from billing.pricing.services import import_reading
from billing.pricing.sources import platform
from billing.pricing.testing import demo_reading, import_demo_prices
from billing.pricing.tests.builders import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _demo(db: None) -> None:
    import_module("billing.pricing.migrations.0001_squashed_0011_terms_are_whole").add_meters(apps, None)
    import_demo_prices()


def refs(**filters: object) -> list[str]:
    return [row.ref for row in models_list(**filters).rows]  # type: ignore[arg-type]


def test_each_word_of_a_search_must_occur_in_name_or_reference() -> None:
    assert refs(search="GPT mini") == ["openai/gpt-4o-mini"]
    assert refs(search="openai/gpt-4o") == ["openai/gpt-4o", "openai/gpt-4o-mini"]
    assert refs(search="Claude Sonnet 4.5") == ["anthropic/claude-sonnet-4-5"]
    assert refs(search="nothing like it") == []
    assert refs(search="\x00") == refs()


def test_filters_by_provider_and_modality() -> None:
    assert refs(provider="deepgram") == ["deepgram/nova-3"]
    assert refs(modality="image") == ["google/gemini-2.5-flash-image", "openai/gpt-image-1.5"]
    assert "deepgram" in selectors.providers()
    assert {"image", "speech", "text"} <= set(selectors.modalities())


def test_pages_follow_each_other_without_gap_or_double() -> None:
    CatalogModel.objects.filter(provider="openai").update(by_maker=False)
    everything = refs()
    assert len(everything) == 9
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = models_list(limit=2, cursor=cursor)
        seen += [row.ref for row in page.rows]
        cursor = page.next_cursor
    assert seen == everything
    assert seen[-1].startswith("openai/")  # makers come first


@pytest.mark.parametrize("cursor", ["x", "%%%", "W10", "WzEsMiwzXQ", "é"])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        models_list(cursor=cursor)


def test_prices_are_the_customers_with_markup_in_credits_and_usd() -> None:
    markup_add(percent=Decimal(20), by="a test", since_ever=True)
    listing = model_listing("gpt-4o-mini")
    assert listing is not None
    price = listing.price("input_tokens")
    assert price is not None
    assert (price.published_usd, price.price_usd, price.per) == (Decimal("0.15"), Decimal("0.18"), 1_000_000)
    assert (price.credits, price.credits_for(1_000)) == (36, Decimal("0.036"))
    assert (price.shown_unit, price.shown_usd, price.label) == ("1M tokens", Decimal("0.18"), "Input tokens")
    assert listing.typical_usd == Decimal("0.000396")
    assert [p.variant_text for p in listing.prices if p.meter == "input_tokens"] == ["", "batch"]
    assert [p.meter for p in listing.plain_prices] == ["input_tokens", "cached_input_tokens", "output_tokens"]


@pytest.mark.parametrize(
    ("ref", "unit", "usd", "typical"),
    [
        ("deepgram/nova-3", "minute", "0.0043", "0.0043"),
        ("elevenlabs/eleven_flash_v2_5", "1K characters", "0.04", "0.02"),
        ("google/veo-3.1-generate-001", "second", "0.4", "2"),
        ("openai/gpt-image-1.5", "image", "0.133", "0.133"),
        ("openai/text-embedding-3-small", "1M tokens", "0.02", "0.00002"),
    ],
)
def test_each_unit_is_shown_as_people_read_it(ref: str, unit: str, usd: str, typical: str) -> None:
    listing = model_listing(ref)
    assert listing is not None
    price = listing.prices[0]
    assert (price.shown_unit, price.shown_usd, listing.typical_usd) == (unit, Decimal(usd), Decimal(typical))


def test_variants_are_put_in_words() -> None:
    listing = model_listing("anthropic/claude-sonnet-4-5")
    assert listing is not None
    assert [p.variant_text for p in listing.prices if p.meter == "output_tokens"] == ["", "over 200,000 tokens"]
    image = model_listing("openai/gpt-image-1.5")
    assert image is not None
    assert image.prices[0].variant_text == "high, 1024 × 1024"


def test_a_page_costs_a_fixed_number_of_queries(django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    models_list(limit=1)
    with django_assert_max_num_queries(2):
        assert len(models_list(limit=50).rows) == 9


def test_a_price_of_tomorrow_is_not_shown_today() -> None:
    changed = demo_reading("genai-prices")
    cheaper = Decimal("0.018")
    rows = [replace(row, price=cheaper) if row.meter == "embedding_tokens" else row for row in changed.rows]
    import_reading(replace(changed, rows=rows), now=NOON)
    for now, usd in ((NOON, Decimal("0.02")), (NOON + timedelta(minutes=2), Decimal("0.018"))):
        row = models_list(search="embedding", now=now).rows[0]
        assert [price.price_usd for price in row.prices] == [usd]


def test_models_without_a_price_are_not_listed_and_retired_ones_are_marked() -> None:
    CatalogModel.objects.create(provider="acme", model="free", name="free", modality="text")
    CatalogModel.objects.filter(model="nova-3").update(retired_at=NOON)
    assert "acme/free" not in refs()
    assert [row.ref for row in models_list().rows if row.retired] == ["deepgram/nova-3"]
    assert model_listing("acme/none") is None


def test_the_platforms_prices_show_what_is_free() -> None:
    prices = {price.meter: price for price in platform_prices()}
    assert prices["messages"].credits == 1
    assert [meter for meter, price in prices.items() if price.free] == [
        *("static_messages", "api_calls", "function_calls", "logic_steps")
    ]


def test_last_refreshed_is_the_latest_good_reading_of_upstream() -> None:
    PriceLine.objects.all().delete()
    PriceImport.objects.all().delete()
    assert selectors.last_refreshed() is None
    import_reading(platform.read(), now=NOON)
    assert selectors.last_refreshed() is None
    import_reading(demo_reading("bundled"), now=NOON)
    import_reading(demo_reading("bundled"), now=NOON + timedelta(days=1))
    assert selectors.last_refreshed() == NOON + timedelta(days=1)


def test_every_meter_of_the_contract_is_a_row() -> None:
    expected = {
        *("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
        *("embedding_tokens", "input_characters", "audio_input_seconds", "audio_output_seconds", "images"),
        *("video_seconds", "requests", "pages", "searches", "messages", "call_minutes", "container_days"),
        *("deployments", "storage_gb_days", "voice_clones", "premium_feature_tokens"),
    }
    assert expected <= set(Meter.objects.values_list("key", flat=True))
    parents = dict(Meter.objects.exclude(contained_in=None).values_list("key", "contained_in_id"))
    assert parents["cached_input_tokens"] == parents["cache_write_tokens"] == "input_tokens"
    assert parents["reasoning_tokens"] == "output_tokens"
    assert Meter.objects.get(key="messages").platform
