"""Whole `usage` objects as OpenAI, Anthropic and Google send them, and what they cost to the last digit.

Figures are worked out by hand: quantity × USD per million, added up, ÷ $0.005 a credit.
"""

from decimal import Decimal
from typing import Any

import pytest

from billing.api.tests.conftest import Api
from billing.metering.models import UsageEvent
from billing.pricing.services import import_reading
from billing.pricing.sources.rows import ModelRow
from billing.pricing.testing import DEMO, Demo, M, demo_reading

FLASH, WHISPER, IMAGE, AUDIO = (
    "google/gemini-2.5-flash",
    "openai/whisper-1",
    "openai/gpt-image-1",
    "openai/gpt-4o-audio",
)
MINI, GPT_5, TRANSCRIBE = "openai/gpt-4o-mini", "openai/gpt-5", "openai/gpt-4o-transcribe"
EMBEDDING, SONNET, OPUS = "openai/text-embedding-3-small", "anthropic/claude-sonnet-4-5", "anthropic/claude-opus-4-6"


def priced(ref: str, modality: str, **usd: str) -> Demo:
    """USD per million of each meter; names that begin with a tier are the prices of that tier."""
    provider, _, model = ref.partition("/")
    lines = []
    for name, price in usd.items():
        tier, _, meter = name.partition("__") if "__" in name else ("", "", name)
        lines.append((meter, "token", price, M, {"tier": tier} if tier else {}))
    return Demo("genai-prices", ModelRow(provider, model, model, modality, 1_000_000, (), True), tuple(lines))


MORE = (
    priced(GPT_5, "text", input_tokens="1.25", cached_input_tokens="0.125", output_tokens="10"),
    priced(AUDIO, "text", input_tokens="2.5", input_audio_tokens="40", output_tokens="10", output_audio_tokens="80"),
    priced(TRANSCRIBE, "transcription", input_tokens="2.5", input_audio_tokens="6", output_tokens="10"),
    Demo(
        "genai-prices",
        ModelRow("openai", "whisper-1", "whisper-1", "transcription", by_maker=True),
        (("audio_input_seconds", "second", "0.006", 60, {}),),
    ),
    priced(IMAGE, "image", input_tokens="5", input_image_tokens="10", output_tokens="40"),
    priced(
        OPUS,
        "text",
        input_tokens="5",
        output_tokens="25",
        web_searches="10000",
        batch__input_tokens="2.5",
        batch__output_tokens="12.5",
        fast__input_tokens="30",
        fast__output_tokens="150",
    ),
    priced(
        FLASH,
        "text",
        input_tokens="0.3",
        input_audio_tokens="1",
        cached_input_tokens="0.03",
        output_tokens="2.5",
        priority__input_tokens="0.54",
        priority__output_tokens="4.5",
    ),
)

OPENAI_CHAT = {
    "prompt_tokens": 2006,
    "completion_tokens": 300,
    "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 40,
        "rejected_prediction_tokens": 12,
    },
}
OPENAI_AUDIO_CHAT = {
    "prompt_tokens": 135,
    "completion_tokens": 120,
    "total_tokens": 255,
    "prompt_tokens_details": {"cached_tokens": 0, "text_tokens": 35, "audio_tokens": 100, "image_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 90,
        "text_tokens": 30,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
OPENAI_RESPONSES = {
    "input_tokens": 328,
    "input_tokens_details": {"cached_tokens": 128},
    "output_tokens": 52,
    "output_tokens_details": {"reasoning_tokens": 20},
    "total_tokens": 380,
}
OPENAI_EMBEDDING = {"prompt_tokens": 8, "total_tokens": 8}
OPENAI_TRANSCRIPTION = {
    "type": "tokens",
    "input_tokens": 14,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
    "output_tokens": 45,
    "total_tokens": 59,
}
OPENAI_DURATION = {"type": "duration", "seconds": 9}
OPENAI_IMAGE = {
    "total_tokens": 4210,
    "input_tokens": 50,
    "output_tokens": 4160,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens_details": {"text_tokens": 0, "image_tokens": 4160},
}
ANTHROPIC = {
    "input_tokens": 21,
    "cache_creation_input_tokens": 188,
    "cache_read_input_tokens": 2051,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 88},
    "output_tokens": 393,
    "output_tokens_details": {"thinking_tokens": 200},
    "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 3},
    "service_tier": "standard",
    "speed": "standard",
    "inference_geo": "not_available",
    "iterations": None,
}
ANTHROPIC_SEARCH = {
    "input_tokens": 1000,
    "cache_creation_input_tokens": None,
    "cache_read_input_tokens": None,
    "cache_creation": None,
    "output_tokens": 200,
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    "service_tier": "standard",
}
ANTHROPIC_COMPACTED = {
    "input_tokens": 23_000,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 1_000,
    "service_tier": "standard",
    "iterations": [
        {"type": "compaction", "input_tokens": 120_000, "output_tokens": 3_500, "cache_read_input_tokens": 0},
        {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000, "cache_read_input_tokens": 0},
    ],
}
GEMINI = {
    "promptTokenCount": 1000,
    "cachedContentTokenCount": 400,
    "candidatesTokenCount": 120,
    "thoughtsTokenCount": 80,
    "toolUsePromptTokenCount": 50,
    "totalTokenCount": 1250,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 700},
        {"modality": "AUDIO", "tokenCount": 200},
        {"modality": "DOCUMENT", "tokenCount": 100},
    ],
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 400}],
    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 120}],
    "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 50}],
    "trafficType": "ON_DEMAND",
}

# As `usage_metadata.model_dump(mode="json")` of google-genai gives it.
GEMINI_IN_PYTHON = {
    "cache_tokens_details": [{"modality": "TEXT", "token_count": 400}],
    "cached_content_token_count": 400,
    "candidates_token_count": 120,
    "candidates_tokens_details": [{"modality": "TEXT", "token_count": 120}],
    "prompt_token_count": 1000,
    "prompt_tokens_details": [
        {"modality": "TEXT", "token_count": 700},
        {"modality": "AUDIO", "token_count": 200},
        {"modality": "DOCUMENT", "token_count": 100},
    ],
    "thoughts_token_count": 80,
    "tool_use_prompt_token_count": 50,
    "tool_use_prompt_tokens_details": [{"modality": "TEXT", "token_count": 50}],
    "total_token_count": 1250,
    "traffic_type": "ON_DEMAND",
}
# As LiteLLM gives those of Anthropic (ANTHROPIC above, and ANTHROPIC_SEARCH), and Perplexity's searches.
LITELLM = {
    "completion_tokens": 393,
    "prompt_tokens": 2260,
    "total_tokens": 2653,
    "completion_tokens_details": {"reasoning_tokens": 200, "text_tokens": 193},
    "prompt_tokens_details": {
        "cached_tokens": 2051,
        "text_tokens": 21,
        "cache_creation_tokens": 188,
        "cache_creation_token_details": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 88},
    },
    "cache_creation_input_tokens": 188,
    "cache_read_input_tokens": 2051,
    "server_tool_use": {"tool_search_requests": 1},
    "service_tier": "standard",
}
LITELLM_SEARCH = {
    "completion_tokens": 200,
    "prompt_tokens": 1000,
    "total_tokens": 1200,
    "prompt_tokens_details": {"cached_tokens": 0, "web_search_requests": 2},
    "num_search_queries": 2,
}
# As LangChain gives them, whoever the provider is: ANTHROPIC above.
LANGCHAIN = {
    "input_tokens": 2260,
    "output_tokens": 393,
    "total_tokens": 2653,
    "input_token_details": {
        "audio": 0,
        "cache_creation": 0,
        "cache_read": 2051,
        "ephemeral_5m_input_tokens": 100,
        "ephemeral_1h_input_tokens": 88,
    },
    "output_token_details": {"audio": 0, "reasoning": 200},
}
LANGCHAIN_AUDIO = {
    "input_tokens": 135,
    "output_tokens": 120,
    "total_tokens": 255,
    "input_token_details": {"audio": 100, "cache_read": 0},
    "output_token_details": {"audio": 90, "reasoning": 0},
}

COSTS: list[tuple[str, str, dict[str, Any], str]] = [
    ("openai", MINI, OPENAI_CHAT, "0.06738"),  # (86 × 0.15 + 1920 × 0.075 + 300 × 0.6) ÷ 10⁶ = $0.0003369
    ("openai", AUDIO, OPENAI_AUDIO_CHAT, "2.3175"),  # 35 × 2.5 + 100 × 40 + 30 × 10 + 90 × 80: $0.0115875
    ("openai", GPT_5, OPENAI_RESPONSES, "0.1572"),  # 200 × 1.25 + 128 × 0.125 + 52 × 10: $0.000786
    ("openai", EMBEDDING, OPENAI_EMBEDDING, "0.000032"),  # 8 × 0.02: $0.00000016
    ("openai", TRANSCRIBE, OPENAI_TRANSCRIPTION, "0.1068"),  # 14 × 6 + 45 × 10: $0.000534
    ("openai", WHISPER, OPENAI_DURATION, "0.18"),  # 9 × 0.006 ÷ 60 = $0.0009
    ("openai", IMAGE, OPENAI_IMAGE, "33.37"),  # 10 × 5 + 40 × 10 + 4160 × 40: $0.16685
    # 21 × 3 + 100 × 3.75 + 88 × 6 + 2051 × 0.3 + 393 × 15: $0.0074763
    ("anthropic", SONNET, ANTHROPIC, "1.49526"),
    ("anthropic", OPUS, ANTHROPIC_SEARCH, "6"),  # 1000 × 5 + 200 × 25 + 2 × 10000: $0.03
    ("anthropic", OPUS, ANTHROPIC_SEARCH | {"service_tier": "batch"}, "5"),  # 1000 × 2.5 + 200 × 12.5 + 20000: $0.025
    ("anthropic", OPUS, ANTHROPIC_SEARCH | {"speed": "fast"}, "16"),  # 1000 × 30 + 200 × 150 + 20000: $0.08
    ("anthropic", SONNET, ANTHROPIC_COMPACTED, "99.3"),  # 143000 × 3 + 4500 × 15: $0.4965
    # 450 × 0.3 + 200 × 1 + 400 × 0.03 + 200 × 2.5: $0.000847
    ("gemini", FLASH, GEMINI, "0.1694"),
    ("gemini", FLASH, GEMINI_IN_PYTHON, "0.1694"),
    (
        "gemini",
        FLASH,
        {"promptTokenCount": 1000, "candidatesTokenCount": 100, "trafficType": "ON_DEMAND_PRIORITY"},
        "0.198",  # 1000 × 0.54 + 100 × 4.5: $0.00099
    ),
    (
        "gemini",
        FLASH,
        {"prompt_token_count": 1000, "candidates_token_count": 100, "traffic_type": "ON_DEMAND_PRIORITY"},
        "0.198",
    ),
    ("openai", SONNET, LITELLM, "1.49526"),  # as ANTHROPIC itself
    ("openai", SONNET, LANGCHAIN, "1.49526"),
    ("openai", AUDIO, LANGCHAIN_AUDIO, "2.3175"),  # as OPENAI_AUDIO_CHAT
    ("openai", OPUS, LITELLM_SEARCH, "6"),  # as ANTHROPIC_SEARCH itself: no search counts twice
    ("openai", OPUS, LITELLM_SEARCH | {"server_tool_use": {"web_search_requests": 2}}, "6"),
]


@pytest.fixture
def api(api: Api) -> Api:
    import_reading(demo_reading("genai-prices", (*DEMO, *MORE)))
    return api


@pytest.mark.parametrize("named", [True, False], ids=["named", "recognised"])
@pytest.mark.parametrize(("form", "model", "usage", "credits"), COSTS)
def test_a_whole_usage_object_is_charged_exactly(
    api: Api, form: str, model: str, usage: dict[str, Any], credits: str, named: bool
) -> None:
    event = {"event_id": "x", "model": model, "usage": usage} | ({"usage_format": form} if named else {})
    answer = api.post("/api/v1/usage", event)
    assert (answer.status, answer.json["unrated"]) == (201, ""), answer.content
    assert answer.json["credits"] == Decimal(credits)
    assert answer.json["cost_usd"] == Decimal(credits) * Decimal("0.005")
    estimate = api.post("/api/v1/usage/estimate", {name: event[name] for name in event if name != "event_id"})
    assert estimate.json["estimated_credits"] == Decimal(credits)


def test_the_events_own_variant_wins_over_what_the_object_says(api: Api) -> None:
    event = {"event_id": "x", "model": OPUS, "usage": ANTHROPIC_SEARCH | {"service_tier": "batch"}}
    answer = api.post("/api/v1/usage", event | {"variant": {"tier": "fast"}})
    assert answer.json["credits"] == 16
    assert UsageEvent.objects.get().variant == {"tier": "fast"}


@pytest.mark.parametrize(
    ("form", "model", "usage", "meter"),
    [
        ("openai", MINI, OPENAI_CHAT | {"hologram_tokens": 5}, "hologram_tokens"),
        ("anthropic", OPUS, ANTHROPIC_SEARCH | {"server_tool_use": {"code_runs": 1}}, "code_runs"),
        (
            "anthropic",
            OPUS,
            ANTHROPIC_SEARCH
            | {"iterations": [{"type": "advisor_message", "model": "x", "input_tokens": 7, "output_tokens": 0}]},
            "advisor_message_input_tokens",
        ),
        ("gemini", FLASH, GEMINI | {"hologramTokenCount": 5}, "hologramTokenCount"),
        ("gemini", FLASH, GEMINI_IN_PYTHON | {"hologram_token_count": 5}, "hologram_token_count"),
        ("openai", OPUS, LITELLM | {"server_tool_use": {"code_runs": 1}}, "code_runs"),
    ],
)
def test_a_quantity_that_nobody_knows_is_not_dropped_but_waits_for_a_price(
    api: Api, form: str, model: str, usage: dict[str, Any], meter: str
) -> None:
    answer = api.post("/api/v1/usage", {"event_id": "x", "model": model, "usage": usage, "usage_format": form})
    assert (answer.status, answer.json["unrated"], answer.json["credits"]) == (201, "unknown_meter", 0)
    assert meter in UsageEvent.objects.get().usage


def test_what_compatible_servers_add_for_information_is_not_billed(api: Api) -> None:
    groq = {"queue_time": 0.04, "prompt_time": 0.001, "completion_time": 0.2, "total_time": 0.201}
    openrouter = {"cost": 0.0014, "is_byok": False, "cost_details": {"upstream_inference_cost": 19}}
    deepseek = {"prompt_cache_hit_tokens": 1920, "prompt_cache_miss_tokens": 86}
    others = {"estimated_cost": 0.0003, "num_cached_tokens": 1920}
    answer = api.post(
        "/api/v1/usage", {"event_id": "x", "model": MINI, "usage": OPENAI_CHAT | groq | openrouter | deepseek | others}
    )
    assert (answer.json["unrated"], answer.json["credits"]) == ("", Decimal("0.06738"))
