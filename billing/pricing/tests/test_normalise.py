"""Usage objects as the providers really send them."""

from decimal import Decimal
from typing import Any

import pytest

from billing.pricing.normalise import UsageError, normalise, variant_of

OPENAI_CHAT = {
    "prompt_tokens": 1117,
    "completion_tokens": 46,
    "total_tokens": 1163,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 32,
        "audio_tokens": 0,
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
OPENAI_REALTIME = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}
ANTHROPIC = {
    "input_tokens": 21,
    "cache_creation_input_tokens": 188,
    "cache_read_input_tokens": 2051,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 88},
    "output_tokens": 393,
    "server_tool_use": {"web_search_requests": 2},
    "service_tier": "standard",
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
    "trafficType": "ON_DEMAND",
}
LITELLM_ANTHROPIC = {
    "prompt_tokens": 2260,
    "completion_tokens": 393,
    "total_tokens": 2653,
    "prompt_tokens_details": {"cached_tokens": 2051, "audio_tokens": None},
    "cache_creation_input_tokens": 188,
    "cache_read_input_tokens": 2051,
}


QWEN = {
    "prompt_tokens": 1621,
    "completion_tokens": 40,
    "total_tokens": 1661,
    "prompt_tokens_details": {
        "cached_tokens": 0,
        "cache_creation_input_tokens": 1605,
        "cache_creation": {"ephemeral_5m_input_tokens": 1605},
        "cache_type": "ephemeral",
    },
}


def nonzero(usage: dict[str, Decimal]) -> dict[str, int]:
    return {meter: int(quantity) for meter, quantity in usage.items() if quantity}


@pytest.mark.parametrize("fmt", ["openai", None])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            OPENAI_CHAT,
            {"input_tokens": 1117, "cached_input_tokens": 1024, "output_tokens": 46, "reasoning_tokens": 32},
        ),
        (
            OPENAI_RESPONSES,
            {"input_tokens": 328, "cached_input_tokens": 128, "output_tokens": 52, "reasoning_tokens": 20},
        ),
        (
            OPENAI_REALTIME,
            {
                "input_tokens": 132,
                "input_text_tokens": 119,
                "input_audio_tokens": 13,
                "cached_input_tokens": 64,
                "cache_text_read_tokens": 64,
                "output_tokens": 121,
                "output_text_tokens": 30,
                "output_audio_tokens": 91,
            },
        ),
        (
            LITELLM_ANTHROPIC,
            {"input_tokens": 2260, "cached_input_tokens": 2051, "cache_write_tokens": 188, "output_tokens": 393},
        ),
        (
            QWEN,
            {"input_tokens": 1621, "cache_write_tokens": 1605, "cache_write_5m_tokens": 1605, "output_tokens": 40},
        ),
    ],
)
def test_openai_counts_cached_tokens_inside(body: dict[str, Any], expected: dict[str, int], fmt: str | None) -> None:
    assert nonzero(normalise(body, fmt)) == expected


@pytest.mark.parametrize("fmt", ["anthropic", None])
def test_anthropics_cache_fields_are_added_to_its_input(fmt: str | None) -> None:
    assert nonzero(normalise(ANTHROPIC, fmt)) == {
        "input_tokens": 21 + 188 + 2051,
        "cached_input_tokens": 2051,
        "cache_write_tokens": 188,
        "cache_write_5m_tokens": 100,
        "cache_write_1h_tokens": 88,
        "output_tokens": 393,
        "web_searches": 2,
    }


@pytest.mark.parametrize("fmt", ["gemini", None])
def test_geminis_thoughts_and_tool_prompts_are_added(fmt: str | None) -> None:
    assert nonzero(normalise(GEMINI, fmt)) == {
        "input_tokens": 1050,
        "input_tool_tokens": 50,
        "cached_input_tokens": 400,
        "cache_text_read_tokens": 400,
        "input_text_tokens": 700,
        "input_audio_tokens": 200,
        "input_image_tokens": 100,
        "output_tokens": 200,
        "reasoning_tokens": 80,
    }


def test_our_own_names_are_kept_and_so_are_unknown_ones() -> None:
    usage = normalise({"input_tokens": 5, "cached_input_tokens": "2", "unicorns": Decimal("1.5"), "total_tokens": 99})
    assert usage == {"input_tokens": 5, "cached_input_tokens": 2, "unicorns": Decimal("1.5")}


@pytest.mark.parametrize("requests", [None, 0, 2])
def test_one_thing_under_several_names_counts_once_whichever_says_it(requests: int | None) -> None:
    usage = {"prompt_tokens": 8, "prompt_tokens_details": {"web_search_requests": requests}, "num_search_queries": 2}
    assert normalise(usage)["web_searches"] == 2
    assert normalise({"num_cached_tokens": 5, "cached_tokens": 0}) == {"cached_input_tokens": 5}
    assert normalise({"num_cached_tokens": 0, "cached_tokens": 5}) == {"cached_input_tokens": 5}


def test_simple_aliases_are_understood_without_a_format() -> None:
    assert normalise({"characters": 10, "messages": 1}) == {"input_characters": 10, "messages": 1}
    assert normalise({"prompt_tokens": 8, "total_tokens": 8})["input_tokens"] == 8


def test_a_name_that_says_nothing_does_not_hide_its_alias() -> None:
    assert normalise({"images": None, "output_images": 4}) == {"images": 4}
    assert normalise({"images": 3, "output_images": 4}) == {"images": 3}  # under both names: ours counts


def test_our_meters_may_stand_beside_a_providers_numbers() -> None:
    assert nonzero(normalise({**OPENAI_CHAT, "images": 2}, "openai"))["images"] == 2


@pytest.mark.parametrize(
    "value", [-1, "-0.5", float("nan"), "Infinity", "many", True, [], {}, pytest.param(10**5000, id="endless")]
)
@pytest.mark.parametrize("fmt", [None, "openai"])
def test_what_is_no_quantity_is_named(value: object, fmt: str | None) -> None:
    with pytest.raises(UsageError, match="output_tokens"):
        normalise({"input_tokens": 1, "output_tokens": value}, fmt)


@pytest.mark.parametrize("fmt", [None, "openai"])
@pytest.mark.parametrize("value", ["1e999999999", Decimal("1e999999999"), 10**12 + 1])
def test_a_number_that_no_sum_can_hold_is_named(value: object, fmt: str | None) -> None:
    with pytest.raises(UsageError, match="completion_tokens must not exceed"):
        normalise({"prompt_tokens": 1, "completion_tokens": value}, fmt)


@pytest.mark.parametrize(
    ("usage", "form", "variant"),
    [
        (ANTHROPIC, None, {}),
        (ANTHROPIC | {"service_tier": "batch"}, None, {"tier": "batch"}),
        (ANTHROPIC | {"service_tier": "priority", "speed": "fast"}, "anthropic", {"tier": "priority"}),
        (ANTHROPIC | {"speed": "fast"}, None, {"tier": "fast"}),
        (GEMINI | {"trafficType": "ON_DEMAND_FLEX"}, "gemini", {"tier": "flex"}),
        (GEMINI | {"trafficType": "PROVISIONED_THROUGHPUT"}, None, {}),
        (ANTHROPIC | {"service_tier": ["batch"], "speed": 5}, None, {}),
        ({"input_tokens": 5, "service_tier": "batch"}, None, {}),  # our own names: the variant says it
        ({"input_tokens": 5, "service_tier": "batch"}, "openai", {"tier": "batch"}),
    ],
)
def test_an_object_says_which_price_it_was_served_at(
    usage: dict[str, Any], form: str | None, variant: dict[str, str]
) -> None:
    assert variant_of(usage, form) == variant


@pytest.mark.parametrize("turns", [1, "x", [None, 5, {"type": 5, "input_tokens": 9}, {"input_tokens": 9}], {}])
def test_turns_that_say_nothing_are_left_alone(turns: object) -> None:
    assert normalise(ANTHROPIC | {"iterations": turns}) == normalise(ANTHROPIC)


def test_floats_mean_what_they_print() -> None:
    assert normalise({"audio_input_seconds": 0.1})["audio_input_seconds"] == Decimal("0.1")


@pytest.mark.parametrize("fmt", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("value", ["twelve", " 12", "1_200", "", True, [1], {}])
def test_our_own_meter_beside_a_providers_numbers_must_be_a_number(fmt: str, value: object) -> None:
    usage = {"prompt_tokens": 10, "promptTokenCount": 10, "input_tokens": value}
    with pytest.raises(UsageError, match="input_tokens is not a number"):
        normalise(usage, fmt)
