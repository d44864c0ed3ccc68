"""Rates that platforms of this kind publish, out of the real catalogue."""

from decimal import Decimal

import pytest

from billing.pricing import services
from billing.pricing.approvals import markup_add
from billing.pricing.book import prices_for
from billing.pricing.sources import bundled, genai, platform
from billing.pricing.sources.rows import Reading
from billing.pricing.tests.builders import rated

pytestmark = pytest.mark.django_db

MODELS = {
    *("text-embedding-3-small", "scribe_v1", "gemini-2.5-flash-image", "eleven_flash_v2_5", "speech-02-hd", "gpt-4o"),
    *("aleph2", "veo-3.1-generate-001", "stable-image-ultra", "gpt-4o-mini"),
}


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    for reading in (platform.read(), genai.read(), bundled.read()):
        rows = [row for row in reading.rows if row.model in MODELS | {""}]
        models = [model for model in reading.models if model.model in MODELS]
        services.import_reading(Reading(reading.source, reading.version, rows, models))


@pytest.mark.parametrize(
    ("model", "usage", "percent", "usd"),
    [
        ("openai/text-embedding-3-small", {"embedding_tokens": 1000}, 20, "0.000024"),
        ("openai/text-embedding-3-small", {"embedding_tokens": 1000}, 0, "0.00002"),
        ("elevenlabs/scribe_v1", {"audio_input_seconds": 60}, 20, "0.0044"),
        ("google/gemini-2.5-flash-image", {"images": 1}, 20, "0.0468"),
        ("stability/stable-image-ultra", {"images": 1}, 20, "0.096"),
        ("minimax/speech-02-hd", {"input_characters": 1000}, 20, "0.12"),
        ("google/veo-3.1-generate-001", {"video_seconds": 8}, 20, "3.84"),
        ("runwayml/aleph2", {"video_seconds": 1}, 20, "0.336"),
        ("openai/gpt-4o-mini", {"input_tokens": 900, "output_tokens": 300}, 0, "0.000315"),
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
