"""OpenRouter's catalogue, by documents of the shapes it is described to have."""

import json
from decimal import Decimal
from typing import Any

import pytest

from billing.pricing.sources.fetch import NotThere
from billing.pricing.sources.openrouter import read_parts, read_texts
from billing.pricing.sources.openrouter_fields import utc_window, video_sku
from billing.pricing.sources.rows import Reading, SourceError

D = Decimal
M = 1_000_000
GEMINI = {
    "id": "google/gemini-x",
    "name": "Google: Gemini X",
    "context_length": 1048576,
    "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
    "pricing": {
        "prompt": "0.00000125",
        "completion": "0.00001",
        "input_cache_read": "0.0000003125",
        "input_cache_write": "0.000001625",
        "input_cache_write_1h": "0.0000025",
        "web_search": "0.014",
        "image": "0",
        "discount": 0,
        "overrides": [
            {"min_prompt_tokens": 200000, "prompt": "0.0000025", "completion": "0.000015"},
            {"utc_start": 30, "utc_end": 1630, "prompt": "0.000002"},
            {"utc_start": 30, "utc_end": 1630, "prompt": "0.000003"},
            {"utc_start": 2570, "utc_end": 1630, "prompt": "9"},
        ],
    },
}


def read(path: str, *models: dict[str, Any], **more: str) -> Reading:
    return read_texts({path: json.dumps({"data": models}), **more})


def prices(reading: Reading) -> dict[tuple[str, str], tuple[Decimal, int]]:
    return {(row.meter, ",".join(f"{k}={v}" for k, v in row.dims)): (row.price, row.per) for row in reading.rows}


def priced(model: str, **pricing: Any) -> dict[str, Any]:
    return {"id": model, "pricing": pricing}


def test_tokens_caches_and_overrides() -> None:
    reading = read("/models", GEMINI)
    assert prices(reading) == {
        ("input_tokens", ""): (D("1.25"), M),
        ("output_tokens", ""): (D(10), M),
        ("cached_input_tokens", ""): (D("0.3125"), M),
        ("cache_write_tokens", ""): (D("1.625"), M),
        ("cache_write_1h_tokens", ""): (D("2.5"), M),
        ("web_searches", ""): (D("0.014"), 1),
        ("input_tokens", "context_over=200000"): (D("2.5"), M),
        ("output_tokens", "context_over=200000"): (D(15), M),
        ("input_tokens", "utc_window=00:30-16:30"): (D(3), M),  # the later of two overrides
    }
    model = reading.models[0]
    assert (model.provider, model.model, model.name) == ("openrouter", "google/gemini-x", "Google: Gemini X")
    assert (model.modality, model.context_window) == ("text", 1_048_576)
    assert reading.notes == {"an override of google/gemini-x at times that are none": 1}


def test_routed_prices_are_none_and_free_models_are_asked_about() -> None:
    reading = read(
        "/models",
        priced("openrouter/auto", prompt="-1", completion="-1"),
        priced("x/half-routed", prompt="0.000001", completion="-1"),
        priced("x/m:free", prompt="0", completion="0", request="0"),
        priced("x/odd", prompt="NaN", completion="0.000001"),
        {"id": "x/none"},
    )
    assert [(row.model, row.meter, row.price) for row in reading.rows] == [
        ("x/m:free", "input_tokens", 0),
        ("x/m:free", "output_tokens", 0),
        ("x/odd", "output_tokens", 1),
    ]
    assert reading.notes == {
        "a routed price (-1)": 2,
        "prompt of x/odd, which is no price": 1,
        "a model without prices": 1,
    }


def test_videos_of_the_list_of_models_are_never_taken_from_there() -> None:
    video = {"architecture": {"output_modalities": ["video"]}, **priced("google/veo", prompt="0", completion="0")}
    assert {row.model for row in read("/models", video, GEMINI).rows} == {"google/gemini-x"}


def test_speech_is_by_the_character_and_embeddings_have_their_meter() -> None:
    kokoro = priced("hexgrad/kokoro", prompt="0.000004", completion="0")
    assert prices(read("/models?output_modalities=speech", kokoro)) == {("input_characters", ""): (D(4), M)}
    embedding = read("/embeddings/models", priced("x/embed", prompt="0.00000002", completion="0"))
    assert prices(embedding) == {("embedding_tokens", ""): (D("0.02"), M)}
    assert embedding.models[0].modality == "embedding"


def test_videos_by_their_skus() -> None:
    skus = {
        "google/veo": {"duration_seconds_with_audio_4k": "0.60", "duration_seconds_without_audio": "0.20"},
        "runway/gen": {"cents_per_second_output": "12", "cents_per_second_video_continuation_720p": "41"},
        "x/grok": {"cents_per_video_output_second_480p": "5", "per-video-second": "0.1"},
        "alibaba/wan": {"text_to_video_duration_seconds_720p": "0.1", "duration_seconds_480p": "0.05"},
        "bytedance/seed": {"video_tokens": "0.0000107"},
    }
    reading = read("/videos/models", *({"id": model, "pricing_skus": each} for model, each in skus.items()))
    found = {(row.model, ",".join(f"{k}={v}" for k, v in row.dims)): row.price for row in reading.rows}
    assert found == {
        ("google/veo", "audio=yes,resolution=4k"): D("0.6"),
        ("google/veo", "audio=no"): D("0.2"),
        ("runway/gen", ""): D("0.12"),  # the SKU is in cents
        ("x/grok", "resolution=480p"): D("0.05"),
        ("x/grok", ""): D("0.1"),
        ("alibaba/wan", "operation=text_to_video,resolution=720p"): D("0.1"),
        ("alibaba/wan", "resolution=480p"): D("0.05"),
    }
    assert {(row.meter, row.unit, row.per) for row in reading.rows} == {("video_seconds", "second", 1)}
    assert set(reading.notes) == {
        "video SKU cents_per_second_video_continuation_720p of runway/gen at 41: enter its price yourself",
        "video SKU video_tokens of bytedance/seed at 0.0000107: enter its price yourself",
    }


def test_images_cost_what_the_dearest_provider_asks() -> None:
    document = {
        "id": "seed/dream",
        "endpoints": [
            {"provider_slug": "a", "pricing": [{"billable": "output_image", "unit": "image", "cost_usd": 0.04}]},
            {"provider_slug": "b", "pricing": [{"billable": "output_image", "unit": "image", "cost_usd": 0.05}]},
            {"provider_slug": "c", "pricing": [{"billable": "output_image", "unit": "megapixel", "cost_usd": 0.03}]},
            {"provider_slug": "d", "pricing": [{"billable": "upscale", "unit": "image", "cost_usd": 1}]},
        ],
    }
    reading = read_texts({"/images/models/seed/dream/endpoints": json.dumps(document)})
    assert prices(reading) == {("images", ""): (D("0.05"), 1), ("output_pixels", ""): (D("0.03"), M)}
    assert {row.unit for row in reading.rows} == {"image", "pixel"}
    assert reading.models[0].modality == "image"
    assert reading.notes == {"image price by upscale and image of seed/dream": 1}


def test_all_parts_are_fetched_and_one_that_is_not_there_is_told() -> None:
    image = {"id": "a/b", "endpoints": [{"pricing": [{"billable": "output_image", "unit": "image", "cost_usd": 1}]}]}
    there = {
        "/models": {"data": [GEMINI]},
        "/models?output_modalities=speech": {"data": []},
        "/images/models": {"data": [{"id": "a/b"}]},
        "/images/models/a/b/endpoints": {"data": image},
        "/videos/models": {"data": []},
    }
    asked: list[str] = []

    def fetch(url: str) -> str:
        asked.append(url)
        path = url.removeprefix("https://or.example/api/v1")
        if path not in there:
            raise NotThere(404)
        return json.dumps(there[path])

    reading = read_parts("https://or.example/api/v1/models", fetch)
    assert len(asked) == 6
    assert {row.model for row in reading.rows} == {"google/gemini-x", "a/b"}
    assert reading.notes["/embeddings/models is not there"] == 1
    del there["/models"]
    with pytest.raises(SourceError, match="404"):
        read_parts("https://or.example/api/v1/", fetch)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"data": [{"id": "x", "pri', "not JSON, or not all of it"),
        ('{"error": {"message": "rate limited"}}', "a list of models with ids was expected"),
        ('{"data": [{"name": "x"}]}', "a list of models with ids was expected"),
        ('{"data": []}', "there is no price in it"),
    ],
)
def test_what_is_no_catalogue_says_so(text: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        read_texts({"/models": text})


def test_times_and_skus() -> None:
    assert (utc_window(0, 2400), utc_window("16:30", 30)) == ("00:00-24:00", "16:30-00:30")
    assert (utc_window(1670, 0), utc_window("noon", 0), utc_window(-1, 0)) == (None, None, None)
    assert video_sku("cents_per_second") == (True, {})
    assert video_sku("duration_seconds_with_audio_and_popcorn") is None
