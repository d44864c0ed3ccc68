"""Rates that platforms of this kind publish, out of the real catalogue."""

from decimal import Decimal
from functools import cache

import pytest

from billing.pricing import services
from billing.pricing.approvals import markup_add
from billing.pricing.book import prices_for
from billing.pricing.sources import bundled, genai, platform, shipped
from billing.pricing.sources.rows import Reading
from billing.pricing.tests.builders import rated

pytestmark = pytest.mark.django_db

MODELS = {
    *("text-embedding-3-small", "scribe_v1", "gemini-2.5-flash-image", "eleven_flash_v2_5", "speech-02-hd", "gpt-4o"),
    *("aleph2", "veo-3.1-generate-001", "stable-image-ultra", "gpt-4o-mini", "gpt-5.4-nano", "claude-opus-4-1"),
    *("eleven_multilingual_v2", "eleven_v3", "eleven_turbo_v2_5", "scribe_v2", "sonic-3", "ink-whisper", "nova-3"),
    *("gpt-5", "gpt-image-1.5", "lyria-002", "veo3.1", "claude-sonnet-4-5"),
}


@cache
def _readings() -> list[Reading]:
    """Of those models alone; they are read once for all tests."""
    found = []
    for reading in (platform.read(), shipped.read(), genai.read(), bundled.read()):
        rows = [row for row in reading.rows if row.model in MODELS | {""}]
        models = [model for model in reading.models if model.model in MODELS]
        found.append(Reading(reading.source, reading.version, rows, models))
    return found


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    for reading in _readings():
        services.import_reading(reading)


@pytest.mark.parametrize(
    ("model", "usage", "percent", "usd"),
    [
        ("openai/text-embedding-3-small", {"embedding_tokens": 1000}, 20, "0.000024"),
        ("openai/text-embedding-3-small", {"embedding_tokens": 1000}, 0, "0.00002"),
        ("elevenlabs/scribe_v1", {"audio_input_seconds": 60}, 20, "0.0044"),
        ("google/gemini-2.5-flash-image", {"images": 1}, 20, "0.0468"),
        ("stability/stable-image-ultra", {"images": 1}, 20, "0.096"),
        # Speech: $0.060 to $0.120 for 1,000 characters; transcription about $0.0044 a minute.
        ("elevenlabs/eleven_flash_v2_5", {"input_characters": 1000}, 20, "0.060"),
        ("elevenlabs/eleven_turbo_v2_5", {"input_characters": 1000}, 20, "0.060"),
        ("elevenlabs/eleven_multilingual_v2", {"input_characters": 1000}, 20, "0.120"),
        ("elevenlabs/eleven_v3", {"input_characters": 1000}, 20, "0.120"),
        ("elevenlabs/scribe_v2", {"audio_input_seconds": 60}, 20, "0.0044"),
        ("cartesia/sonic-3", {"input_characters": 1000}, 20, "0.06"),
        ("cartesia/ink-whisper", {"audio_input_seconds": 60}, 20, "0.0036"),
        ("deepgram/nova-3", {"audio_input_seconds": 60}, 0, "0.0043"),
        # Chat: $0.00024 to $0.018 for 1,000 tokens of input.
        ("openai/gpt-5.4-nano", {"input_tokens": 1000}, 20, "0.00024"),
        ("anthropic/claude-opus-4-1", {"input_tokens": 1000}, 20, "0.018"),
        ("anthropic/claude-opus-4-1", {"input_tokens": 1000, "cached_input_tokens": 1000}, 0, "0.0015"),
        ("openai/gpt-5", {"output_tokens": 1000}, 0, "0.01"),
        ("minimax/speech-02-hd", {"input_characters": 1000}, 20, "0.12"),
        ("google/veo-3.1-generate-001", {"video_seconds": 8}, 20, "3.84"),
        ("runwayml/aleph2", {"video_seconds": 1}, 20, "0.336"),
        ("openai/gpt-4o-mini", {"input_tokens": 900, "output_tokens": 300}, 0, "0.000315"),
        ("vertex_ai/lyria-002", {"requests": 1}, 0, "0.06"),
        ("", {"premium_feature_tokens": 1000}, 20, "0.01"),  # an example price
        ("", {"messages": 1}, 20, "0.005"),
        ("", {"call_minutes": 5}, 20, "0.25"),
        ("", {"container_days": 1}, 20, "0.67"),
        ("", {"deployments": 1}, 20, "0.50"),
        ("", {"storage_gb_days": 1}, 20, "0.01"),
        ("openai/gpt-4o", {"static_messages": 3, "api_calls": 2, "function_calls": 1, "logic_steps": 9}, 20, "0"),
    ],
)
def test_published_rate(model: str, usage: dict[str, int], percent: int, usd: str) -> None:
    markup_add(percent=Decimal(percent), by="a test", since_ever=True)
    prices = prices_for(model)
    assert prices is not None
    rating = rated(prices, usage, usd_per_credit=Decimal(1))
    assert (rating.problem, rating.nano) == ("", int(Decimal(usd) * 10**9))


def test_at_half_a_cent_a_message_is_one_credit_and_a_call_minute_ten() -> None:
    prices = prices_for("")
    assert prices is not None
    assert rated(prices, {"messages": 1}).nano == 10**9
    assert rated(prices, {"call_minutes": 1}).nano == 10 * 10**9


@pytest.mark.parametrize(
    ("model", "usage", "variant", "usd"),
    [
        ("openai/gpt-image-1.5", {"images": 1}, {"quality": "high", "size": "1024x1024"}, "0.133"),
        ("openai/gpt-image-1.5", {"images": 1}, {"quality": "medium", "size": "1024x1024"}, "0.034"),
        ("google/veo-3.1-generate-001", {"video_seconds": 8}, {"resolution": "4k"}, "4.8"),
        ("runwayml/veo3.1", {"video_seconds": 1}, {"audio": "yes"}, "0.4"),
        ("runwayml/veo3.1", {"video_seconds": 1}, {"audio": "no"}, "0.2"),
        ("openai/gpt-5", {"input_tokens": 1000}, {"tier": "batch"}, "0.000625"),
        ("openai/gpt-5", {"input_tokens": 1000}, {"tier": "priority"}, "0.0025"),
        ("anthropic/claude-sonnet-4-5", {"input_tokens": 200_000}, {}, "0.6"),
        ("anthropic/claude-sonnet-4-5", {"input_tokens": 200_001}, {}, "1.200006"),
        ("", {"voice_clones": 1}, {"tier": "instant"}, "1"),  # examples, to be set by the operator
        ("", {"voice_clones": 1}, {"tier": "professional"}, "50"),
    ],
)
def test_published_variant(model: str, usage: dict[str, int], variant: dict[str, str], usd: str) -> None:
    prices = prices_for(model)
    assert prices is not None
    rating = rated(prices, usage, variant, usd_per_credit=Decimal(1))
    assert (rating.problem, rating.nano) == ("", int(Decimal(usd) * 10**9))


def test_a_month_of_a_container_is_about_twenty_dollars() -> None:
    prices = prices_for("")
    assert prices is not None
    assert rated(prices, {"container_days": 30}, usd_per_credit=Decimal(1)).usd == Decimal("20.1")


def test_what_is_sold_free_is_a_price_and_telephony_is_none() -> None:
    prices = prices_for("")
    assert prices is not None
    assert {p.meter for p in prices.points if not p.price} == {
        *("static_messages", "api_calls", "function_calls", "logic_steps")
    }
    assert not [p for p in prices.points if "phone" in p.meter or "telephony" in p.meter]
