"""LiteLLM's file read whole: chat models with their caches, context tiers and service tiers."""

import json
from decimal import Decimal
from typing import Any

import pytest

from billing.pricing.sources import understood
from billing.pricing.sources.litellm import read_file
from billing.pricing.sources.rows import Reading, SourceError

D = Decimal


def read(**models: dict[str, Any]) -> Reading:
    return read_file(json.dumps({"sample_spec": {"mode": "chat", "input_cost_per_token": 1}, **models}))


def prices(reading: Reading) -> dict[tuple[str, str], tuple[Decimal, int]]:
    return {(row.meter, ",".join(f"{k}={v}" for k, v in row.dims)): (row.price, row.per) for row in reading.rows}


def chat(**fields: Any) -> dict[str, Any]:
    return {"mode": "chat", "litellm_provider": "anthropic", **fields}


def test_tokens_caches_tiers_and_contexts() -> None:
    reading = read(
        **{
            "claude-x": chat(
                max_input_tokens=200000,
                input_cost_per_token=3e-06,
                output_cost_per_token=1.5e-05,
                cache_read_input_token_cost=3e-07,
                cache_creation_input_token_cost=3.75e-06,
                cache_creation_input_token_cost_above_1hr=6e-06,
                cache_creation_input_token_cost_above_12hr=9e-06,
                cache_creation_input_token_cost_above_1hr_above_200k_tokens=1.2e-05,
                input_cost_per_token_above_200k_tokens=6e-06,
                input_cost_per_token_batches=1.5e-06,
                input_cost_per_token_above_200k_tokens_batches=3e-06,
                output_cost_per_token_flex=7e-06,
                output_cost_per_token_priority=3e-05,
                output_cost_per_reasoning_token=1e-05,
            )
        }
    )
    m = 1_000_000
    assert prices(reading) == {
        ("input_tokens", ""): (D(3), m),
        ("output_tokens", ""): (D(15), m),
        ("cached_input_tokens", ""): (D("0.3"), m),
        ("cache_write_tokens", ""): (D("3.75"), m),
        ("cache_write_1h_tokens", ""): (D(6), m),
        ("cache_write_1h_tokens", "context_over=200000"): (D(12), m),
        ("input_tokens", "context_over=200000"): (D(6), m),
        ("input_tokens", "tier=batch"): (D("1.5"), m),
        ("input_tokens", "context_over=200000,tier=batch"): (D(3), m),
        ("output_tokens", "tier=flex"): (D(7), m),
        ("output_tokens", "tier=priority"): (D(30), m),
        ("reasoning_tokens", ""): (D(10), m),
    }
    assert [(m.provider, m.model, m.modality, m.context_window) for m in reading.models] == [
        ("anthropic", "claude-x", "text", 200_000)
    ]
    assert reading.source == "litellm"
    assert reading.version.startswith("sha256 ")
    assert reading.notes == {"cache_creation_input_token_cost_above_12hr in chat": 1}


def test_prices_by_ranges_of_the_context() -> None:
    ranges = [
        {"range": [0, 256000.0], "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07},
        {"range": [256000.0, 1000000.0], "input_cost_per_token": 2.5e-07},
        {"max_results_range": [0, 25], "input_cost_per_query": 0.005},
    ]
    assert prices(read(**{"dashscope/q": chat(litellm_provider="dashscope", tiered_pricing=ranges)})) == {
        ("input_tokens", ""): (D("0.05"), 1_000_000),
        ("output_tokens", ""): (D("0.4"), 1_000_000),
        ("input_tokens", "context_over=256000"): (D("0.25"), 1_000_000),
    }


def test_sellers_have_the_names_they_have_elsewhere_and_a_region_is_a_variant() -> None:
    reading = read(
        **{
            "gemini/g": chat(litellm_provider="gemini", input_cost_per_token=1e-06),
            "bedrock/us-gov-east-1/claude-v": chat(litellm_provider="bedrock", input_cost_per_token=2e-06),
            "vertex_ai/v": chat(litellm_provider="vertex_ai-language-models", input_cost_per_token=3e-06),
        }
    )
    assert [(row.provider, row.model, row.dims) for row in reading.rows] == [
        ("google", "g", ()),
        ("aws", "claude-v", (("region", "us-gov-east-1"),)),
        ("vertex_ai", "v", ()),
    ]


def test_a_zero_is_kept_where_it_may_mean_free_and_left_out_where_it_fills_a_column() -> None:
    reading = read(
        free=chat(input_cost_per_token=0, output_cost_per_token=0, input_cost_per_audio_token=0),
        embed={
            "mode": "embedding",
            "litellm_provider": "voyage",
            "input_cost_per_token": 1e-07,
            "output_cost_per_token": 0,
        },
    )
    assert [(row.model, row.meter, row.price) for row in reading.rows] == [
        ("free", "input_tokens", 0),
        ("free", "output_tokens", 0),
        ("embed", "embedding_tokens", D("0.1")),
    ]


def test_a_realtime_model_and_what_is_no_price() -> None:
    realtime = {"mode": "realtime", "litellm_provider": "openai", "input_cost_per_second": 0.001}
    reading = read(r=realtime, odd=chat(input_cost_per_token="cheap", output_cost_per_token=-1), name=3)  # type: ignore[arg-type]
    assert prices(reading) == {("audio_input_seconds", ""): (D("0.001"), 1)}
    assert [model.modality for model in reading.models] == ["realtime"]
    assert set(reading.notes) == {
        "input_cost_per_token in chat, which is no price",
        "output_cost_per_token in chat, which is no price",
    }


def test_never_through_a_binary_float() -> None:
    text = '{"m": {"mode": "chat", "litellm_provider": "x", "input_cost_per_token": 0.00000000013}}'
    assert read_file(text).rows[0].price == D("0.00013")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"m": {"mode": "chat", "input_cost', "not JSON, or not all of it"),
        ('{"m": {"mode": "chat", "litellm_provider": "x", "input_cost_per_token": NaN}}', "NaN is no price"),
        ("[]", "an object was expected"),
        ("{}", "there is no price in it"),
        ("", "not JSON"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        understood(lambda: read_file(text))


def test_an_unknown_shape_is_a_bad_source_and_no_crash() -> None:
    text = '{"m": {"mode": "video_generation", "litellm_provider": "x", "metadata": 7, "a_cost": 1}}'
    with pytest.raises(SourceError, match="a shape that is not known"):
        understood(lambda: read_file(text))
