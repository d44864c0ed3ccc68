"""Every meter and every variant of a price, one by one: what is sent, and what it costs in USD."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.pricing.normalise import normalise, variant_of
from billing.pricing.rating import rate
from billing.pricing.tests.builders import NOON, M, model, point

TEXT = (
    point("input_tokens", "2", M),
    point("input_tokens", "4", M, context_over=200_000),
    point("input_tokens", "1", M, tier="batch"),
    point("input_tokens", "3", M, tier="priority"),
    point("cached_input_tokens", "0.2", M),
    point("cached_input_tokens", "0.4", M, context_over=200_000),
    point("cache_write_tokens", "2.5", M),
    point("cache_write_5m_tokens", "2.5", M),
    point("cache_write_1h_tokens", "4", M),
    point("output_tokens", "10", M),
    point("output_tokens", "15", M, context_over=200_000),
    point("output_tokens", "5", M, tier="batch"),
    point("output_tokens", "20", M, tier="priority"),
)
REASONING = (*TEXT, point("reasoning_tokens", "30", M))
NIGHT = (
    point("input_tokens", "1", M),
    point("input_tokens", "0.5", M, utc_window="16:30-00:30"),
    point("input_tokens", "0.25", M, utc_window="00:30-08:30"),
)
IMAGE = (
    point("images", "0.02", 1),
    point("images", "0.04", 1, size="1024x1024", quality="medium"),
    point("images", "0.17", 1, size="1024x1024", quality="high"),
    point("images", "0.06", 1, size="1536x1024", quality="medium"),
)
VIDEO = (
    point("video_seconds", "0.1", 1),
    point("video_seconds", "0.2", 1, audio="no"),
    point("video_seconds", "0.4", 1, audio="yes"),
    point("video_seconds", "0.6", 1, audio="yes", resolution="4k"),
    point("video_seconds", "0.3", 1, resolution="1080p"),
)
PER_REQUEST = (point("requests", "0.5", 1),)
OWN = tuple(
    point(meter, price, 1, platform=True)
    for meter, price in (
        ("messages", "0.005"),
        ("call_minutes", "0.05"),
        ("container_days", "0.67"),
        ("deployments", "0.50"),
        ("storage_gb_days", "0.01"),
        ("premium_feature_tokens", "0.001"),
        ("static_messages", "0"),
        ("api_calls", "0"),
        ("function_calls", "0"),
        ("logic_steps", "0"),
    )
)
CLONES = (
    point("voice_clones", "1", 1, platform=True, tier="instant"),
    point("voice_clones", "25", 1, platform=True, tier="professional"),
)
EVENING, EARLY, DAY = (datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in (23, 0, 12))
AFTER_MIDNIGHT = datetime(2026, 11, 20, 0, 45, tzinfo=UTC)

Row = tuple[str, tuple[Any, ...], str, dict[str, Any], dict[str, Any], str]
CASES: list[Row] = [
    # name, prices, modality, usage, variant, USD
    ("input tokens", TEXT, "text", {"input_tokens": M}, {}, "4"),  # more than 200,000: all at the higher tier
    ("input tokens up to the context tier", TEXT, "text", {"input_tokens": 200_000}, {}, "0.4"),
    ("input tokens above the context tier", TEXT, "text", {"input_tokens": 200_001}, {}, "0.800004"),
    (
        "output tokens pay the context tier of the input",
        TEXT,
        "text",
        {"input_tokens": 200_001, "output_tokens": M},
        {},
        "15.800004",
    ),
    ("prompt_tokens", TEXT, "text", {"prompt_tokens": 1000}, {}, "0.002"),
    ("promptTokenCount", TEXT, "text", {"promptTokenCount": 1000}, {}, "0.002"),
    ("cached input tokens", TEXT, "text", {"input_tokens": 1000, "cached_input_tokens": 400}, {}, "0.00128"),
    (
        "cached input tokens above the context tier",
        TEXT,
        "text",
        {"input_tokens": 300_000, "cached_input_tokens": 100_000},
        {},
        "0.84",
    ),
    (
        "OpenAI's cached tokens",
        TEXT,
        "text",
        {"prompt_tokens": 1000, "prompt_tokens_details": {"cached_tokens": 400}},
        {},
        "0.00128",
    ),
    (
        "Anthropic's cached tokens",
        TEXT,
        "text",
        {"input_tokens": 600, "cache_read_input_tokens": 400, "output_tokens": 0},
        {},
        "0.00128",
    ),
    ("Gemini's cached tokens", TEXT, "text", {"promptTokenCount": 1000, "cachedContentTokenCount": 400}, {}, "0.00128"),
    ("cache write tokens", TEXT, "text", {"input_tokens": 1000, "cache_write_tokens": 400}, {}, "0.0022"),
    (
        "cache_creation_input_tokens",
        TEXT,
        "text",
        {"input_tokens": 600, "cache_creation_input_tokens": 400},
        {},
        "0.0022",
    ),
    (
        "cache write tokens for an hour",
        TEXT,
        "text",
        {"input_tokens": 1000, "cache_write_1h_tokens": 400},
        {},
        "0.0028",
    ),
    ("output tokens", TEXT, "text", {"output_tokens": 1000}, {}, "0.01"),
    ("completion_tokens", TEXT, "text", {"completion_tokens": 1000}, {}, "0.01"),
    (
        "Gemini's candidates and thoughts",
        TEXT,
        "text",
        {"candidatesTokenCount": 700, "thoughtsTokenCount": 300},
        {},
        "0.01",
    ),
    (
        "reasoning tokens without a price of their own",
        TEXT,
        "text",
        {"output_tokens": 1000, "reasoning_tokens": 400},
        {},
        "0.01",
    ),
    ("reasoning tokens with one", REASONING, "text", {"output_tokens": 1000, "reasoning_tokens": 400}, {}, "0.018"),
    ("batch", TEXT, "text", {"input_tokens": 1000, "output_tokens": 1000}, {"batch": True}, "0.006"),
    ("tier batch", TEXT, "text", {"input_tokens": 1000, "output_tokens": 1000}, {"tier": "batch"}, "0.006"),
    ("tier priority", TEXT, "text", {"input_tokens": 1000, "output_tokens": 1000}, {"tier": "priority"}, "0.023"),
    (
        "service tier said by the provider",
        TEXT,
        "text",
        {"prompt_tokens": 1000, "service_tier": "priority"},
        {},
        "0.003",
    ),
    (
        "cached tokens in a batch without a price of their own there",
        TEXT,
        "text",
        {"input_tokens": 1000, "cached_input_tokens": 1000},
        {"tier": "batch"},
        "0.0002",
    ),
    ("time of day: the usual price", NIGHT, "text", {"input_tokens": M, "at": DAY}, {}, "1"),
    ("time of day: a window before midnight", NIGHT, "text", {"input_tokens": M, "at": EVENING}, {}, "0.5"),
    ("time of day: the window over midnight", NIGHT, "text", {"input_tokens": M, "at": EARLY}, {}, "0.5"),
    ("time of day: the window after midnight", NIGHT, "text", {"input_tokens": M, "at": AFTER_MIDNIGHT}, {}, "0.25"),
    (
        "embedding tokens",
        (point("embedding_tokens", "0.02", M),),
        "embedding",
        {"embedding_tokens": 1000},
        {},
        "0.00002",
    ),
    (
        "embedding tokens sent as prompt tokens",
        (point("embedding_tokens", "0.02", M),),
        "embedding",
        {"prompt_tokens": 1000, "total_tokens": 1000},
        {},
        "0.00002",
    ),
    ("characters of speech", (point("input_characters", "60", M),), "speech", {"input_characters": 1000}, {}, "0.06"),
    (
        "characters, by their other name",
        (point("input_characters", "60", M),),
        "speech",
        {"characters": 1000},
        {},
        "0.06",
    ),
    (
        "speech with the seconds it made",
        (point("input_characters", "60", M),),
        "speech",
        {"input_characters": 1000, "audio_output_seconds": 60},
        {},
        "0.06",
    ),
    (
        "speech sold by the second",
        (point("audio_output_seconds", "0.006", 60),),
        "speech",
        {"audio_output_seconds": 90},
        {},
        "0.009",
    ),
    (
        "decoded seconds, priced by the minute",
        (point("audio_input_seconds", "0.0043", 60),),
        "transcription",
        {"audio_input_seconds": 90},
        {},
        "0.00645",
    ),
    (
        "decoded seconds, priced by the hour",
        (point("audio_input_seconds", "0.22", 3600),),
        "transcription",
        {"audio_input_seconds": 90},
        {},
        "0.0055",
    ),
    (
        "decoded seconds, priced by the second",
        (point("audio_input_seconds", "0.0001"),),
        "transcription",
        {"audio_input_seconds": "7.25"},
        {},
        "0.000725",
    ),
    (
        "decoded seconds as OpenAI says them",
        (point("audio_input_seconds", "0.006", 60),),
        "transcription",
        {"type": "duration", "seconds": 90},
        {},
        "0.009",
    ),
    (
        "decoded seconds with a minimum",
        (point("audio_input_seconds", "0.006", 60, minimum=10),),
        "transcription",
        {"audio_input_seconds": 3},
        {},
        "0.001",
    ),
    ("images", IMAGE, "image", {"images": 2}, {}, "0.04"),
    ("images by size and quality", IMAGE, "image", {"images": 2}, {"size": "1024x1024", "quality": "high"}, "0.34"),
    (
        "images by size and quality, spelled otherwise",
        IMAGE,
        "image",
        {"images": 1},
        {"size": "1536-x-1024", "quality": "Medium"},
        "0.06",
    ),
    ("images of an unknown quality", IMAGE, "image", {"images": 1}, {"size": "1024x1024", "quality": "ultra"}, "0.02"),
    ("video by the second", VIDEO, "video", {"video_seconds": 8}, {}, "0.8"),
    ("video by resolution", VIDEO, "video", {"video_seconds": 8}, {"resolution": "1080P"}, "2.4"),
    ("video with audio", VIDEO, "video", {"video_seconds": 8}, {"audio": True}, "3.2"),
    ("video without audio", VIDEO, "video", {"video_seconds": 8}, {"audio": "without"}, "1.6"),
    (
        "video by resolution and audio",
        VIDEO,
        "video",
        {"video_seconds": 8},
        {"resolution": "4k", "audio": "yes"},
        "4.8",
    ),
    ("video by the request", PER_REQUEST, "video", {"requests": 2}, {}, "1"),
    ("video by the request, sent in seconds", PER_REQUEST, "video", {"video_seconds": 8}, {}, "0.5"),
    ("video by the request, sent both ways", PER_REQUEST, "video", {"video_seconds": 8, "requests": 2}, {}, "1"),
    ("speech by the request, sent in characters", PER_REQUEST, "speech", {"input_characters": 800}, {}, "0.5"),
    ("a request's fee beside tokens", (*TEXT, *PER_REQUEST), "text", {"input_tokens": 1000}, {}, "0.502"),
    ("pages", (point("pages", "1", 1000),), "ocr", {"pages": 3}, {}, "0.003"),
    ("searches", (point("searches", "2", 1000),), "rerank", {"searches": 1}, {}, "0.002"),
    ("messages", OWN, "", {"messages": 3}, {}, "0.015"),
    ("call minutes", OWN, "", {"call_minutes": "5.5"}, {}, "0.275"),
    ("container days", OWN, "", {"container_days": 30}, {}, "20.1"),
    ("deployments", OWN, "", {"deployments": 1}, {}, "0.5"),
    ("storage", OWN, "", {"storage_gb_days": 12}, {}, "0.12"),
    ("premium features", OWN, "", {"premium_feature_tokens": 7}, {}, "0.007"),
    ("what is free", OWN, "", {"static_messages": 9, "api_calls": 9, "function_calls": 9, "logic_steps": 9}, {}, "0"),
    ("voice clones by tier", CLONES, "", {"voice_clones": 2}, {"tier": "professional"}, "50"),
    ("voice clones of the other tier", CLONES, "", {"voice_clones": 2}, {"tier": "Instant"}, "2"),
    ("the platform's own beside a model's", (*TEXT, *OWN), "text", {"input_tokens": 1000, "messages": 1}, {}, "0.007"),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_meter(case: Row) -> None:
    _, points, modality, sent, said, usd = case
    at = sent.get("at", NOON)
    sent = {meter: quantity for meter, quantity in sent.items() if meter != "at"}
    rating = rate(
        model(*points, modality=modality),
        usage=normalise(sent),
        variant={**{key: str(value).lower() for key, value in said.items()}, **variant_of(sent)},
        at=at,
        usd_per_credit=Decimal(1),
    )
    assert (rating.problem, rating.usd) == ("", Decimal(usd))


def test_a_clone_of_a_tier_that_is_not_sold_waits_and_says_which_are() -> None:
    rating = rate(model(*CLONES), usage={"voice_clones": Decimal(1)}, variant={}, at=NOON, usd_per_credit=Decimal(1))
    assert rating.problem == "unknown_meter"
    assert "tier=instant; tier=professional" in rating.detail


def test_a_model_sold_by_the_request_does_not_hide_what_nobody_knows() -> None:
    usage: Mapping[str, Decimal] = {"video_seconds": Decimal(8), "gpu_seconds": Decimal(3)}
    prices = model(*PER_REQUEST, modality="video")
    assert rate(prices, usage=usage, variant={}, at=NOON, usd_per_credit=Decimal(1)).problem == "unknown_meter"
