"""What the adapters make of their files."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from genai_prices.types import (
    ClauseContains,
    ClauseEquals,
    ClauseOr,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    Tier,
    TieredPrices,
)

from billing.pricing.sources import bundled, genai, litellm
from billing.pricing.sources.rows import PriceRow, Reading, resolve_conflicts


def prices(text: dict[str, Any]) -> dict[tuple[str, str, str, str], tuple[Decimal, int]]:
    reading = litellm.read_text(json.dumps(text), version="test")
    return {
        (row.provider, row.model, row.meter, ",".join(f"{k}={v}" for k, v in row.dims)): (row.price, row.per)
        for row in reading.rows
    }


def entry(mode: str, provider: str = "openai", **fields: Any) -> dict[str, Any]:
    return {"mode": mode, "litellm_provider": provider, **fields}


def test_size_and_quality_in_front_of_a_name_become_dimensions() -> None:
    found = prices({"azure/hd/1024-x-1792/dall-e-3": entry("image_generation", "azure", output_cost_per_image=0.12)})
    assert found == {("azure", "dall-e-3", "images", "quality=hd,size=1024x1792"): (Decimal("0.12"), 1)}


def test_an_image_generators_input_price_is_its_image() -> None:
    text = {
        "low/1024-x-1024/gpt-image-1": entry("image_generation", input_cost_per_image=0.011, input_cost_per_pixel=1)
    }
    assert list(prices(text).values()) == [(Decimal("0.011"), 1)]


def test_video_resolutions_and_sound_become_dimensions() -> None:
    comment = "40 credits per second with audio, 20 without @ $0.01 per credit; priced at the with-audio rate"
    text = {
        "runwayml/veo3.1": entry(
            "video_generation", "runwayml", output_cost_per_second=0.4, metadata={"comment": comment}
        ),
        "gemini/veo-x": entry("video_generation", "gemini", output_cost_per_second=0.4, output_cost_per_second_4k=0.6),
    }
    assert prices(text) == {
        ("runwayml", "veo3.1", "video_seconds", ""): (Decimal("0.4"), 1),
        ("runwayml", "veo3.1", "video_seconds", "audio=yes"): (Decimal("0.4"), 1),
        ("runwayml", "veo3.1", "video_seconds", "audio=no"): (Decimal("0.2"), 1),
        ("google", "veo-x", "video_seconds", ""): (Decimal("0.4"), 1),
        ("google", "veo-x", "video_seconds", "resolution=4k"): (Decimal("0.6"), 1),
    }


def test_a_transcribed_second_is_one_second_at_its_published_price() -> None:
    text = {
        "whisper-x": entry("audio_transcription", input_cost_per_second=0.0001, output_cost_per_second=0.0001),
        "soniox/s": entry("audio_transcription", "soniox", input_cost_per_second=0, output_cost_per_second=0.00003),
        "deepgram/n": entry(
            "audio_transcription",
            "deepgram",
            input_cost_per_second=0.00007167,
            metadata={"original_pricing_per_minute": 0.0043},
        ),
        "deepgram/odd": entry(
            "audio_transcription",
            "deepgram",
            input_cost_per_second=0.001,
            metadata={"original_pricing_per_minute": 0.0043},
        ),
    }
    assert prices(text) == {
        ("openai", "whisper-x", "audio_input_seconds", ""): (Decimal("0.0001"), 1),
        ("soniox", "s", "audio_input_seconds", ""): (Decimal("0.00003"), 1),
        ("deepgram", "n", "audio_input_seconds", ""): (Decimal("0.0043"), 60),
        ("deepgram", "odd", "audio_input_seconds", ""): (Decimal("0.001"), 1),
    }


def test_characters_pages_queries_and_batches() -> None:
    text = {
        "tts-x": entry("audio_speech", input_cost_per_character=1.5e-05),
        "mistral/ocr-x": entry("ocr", "mistral", ocr_cost_per_page=0.004, ocr_cost_per_page_batches=0.002),
        "rerank-x": entry("rerank", "cohere", input_cost_per_query=0.002, input_cost_per_token=0.0),
        "gpt-chat": entry("chat", input_cost_per_token=1e-06),
    }
    assert prices(text) == {
        ("openai", "tts-x", "input_characters", ""): (Decimal(15), 1_000_000),
        ("mistral", "ocr-x", "pages", ""): (Decimal("0.004"), 1),
        ("mistral", "ocr-x", "pages", "tier=batch"): (Decimal("0.002"), 1),
        ("cohere", "rerank-x", "searches", ""): (Decimal("0.002"), 1),
    }


def test_searches_of_an_unnamed_size_cost_what_medium_costs() -> None:
    sizes = {"search_context_size_low": 0.01, "search_context_size_medium": 0.02}
    text = {"gemini/i": entry("image_generation", "gemini", search_context_cost_per_query=sizes)}
    assert prices(text)["google", "i", "web_searches", ""] == (Decimal("0.02"), 1)
    assert prices(text)["google", "i", "web_searches", "search_context=low"] == (Decimal("0.01"), 1)


def test_a_dated_price_set_replaces_the_older_one_whole() -> None:
    start = StartDateConstraint(date(2026, 12, 1))
    tiered = TieredPrices(Decimal(2), [Tier(200_000, Decimal(4))])
    model = ModelInfo(
        id="m",
        match=ClauseOr([ClauseEquals("m"), ClauseEquals("m-1"), ClauseContains("m")]),
        prices=[
            ConditionalPrice(prices=ModelPrice(input_mtok=tiered, cache_read_mtok=Decimal(1))),
            ConditionalPrice(start, prices=ModelPrice(input_mtok=Decimal(3))),
        ],
    )
    found = {(r.meter, r.dims, r.upstream_from): (r.price, r.upstream_until) for r in genai._rows("acme", model)}
    assert found == {
        ("input_tokens", (), None): (2, None),  # replaced by the later line of the same dimensions
        ("input_tokens", (("context_over", "200000"),), None): (4, date(2026, 12, 1)),
        ("cached_input_tokens", (), None): (1, date(2026, 12, 1)),
        ("input_tokens", (), date(2026, 12, 1)): (3, None),
    }
    assert sorted(genai._aliases(model.match)) == ["m", "m-1"]


def test_audio_listed_as_whole_and_part_is_billed_once() -> None:
    rows = [row for row in genai.read().rows if row.provider == "groq" and row.model == "whisper-large-v3"]
    assert [(row.meter, row.dims) for row in rows] == [
        ("audio_input_seconds", (("minimum", "10"),)),
        ("audio_input_seconds", (("minimum", "10"), ("tier", "batch"))),
    ]


def test_the_bundled_snapshot_covers_every_medium() -> None:
    reading = bundled.read()
    assert {model.modality for model in reading.models} == {
        *("image", "video", "speech", "transcription", "rerank", "ocr", "search")
    }
    assert len(reading.models) > 500
    assert resolve_conflicts(reading.rows)[1] == 0
    assert bundled.PATH.stat().st_size < 40_000
    assert (bundled.PATH.parent / "NOTICE.md").read_text().count("MIT License") == 1
    by_key = {(row.provider, row.model, row.meter, row.dims): row for row in reading.rows}
    assert by_key["elevenlabs", "scribe_v1", "audio_input_seconds", ()].price == Decimal("0.22")
    assert by_key["openai", "sora-2", "video_seconds", ()].price == Decimal("0.1")
    assert by_key["google", "gemini-2.5-flash-image", "images", ()].price == Decimal("0.039")


def test_a_snapshot_is_the_same_bytes_for_the_same_content(tmp_path: Path) -> None:
    reading = bundled.read()
    reversed_reading = Reading(reading.source, reading.version, reading.rows[::-1], reading.models[::-1])
    for name, each in (("a", reading), ("b", reversed_reading)):
        bundled.write(each, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == bundled.PATH.read_bytes()


@pytest.mark.parametrize("reader", [genai.read, bundled.read])
def test_prices_fit_the_catalogues_columns(reader: Any) -> None:
    rows: list[PriceRow] = list(reader().rows)
    for row in rows:
        assert row.price == row.price.quantize(Decimal("1e-15")) >= 0
        assert row.per > 0
        assert len(row.model) <= 200
        assert len(row.meter) <= 60
