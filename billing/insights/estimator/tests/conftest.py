from decimal import Decimal

import pytest

from billing.plans.models import Plan
from billing.pricing.services import import_reading
from billing.pricing.sources import platform
from billing.pricing.testing import DEMO, Demo, demo_reading

PUBLISHED = {
    "elevenlabs/eleven_flash_v2_5": (("input_characters", "character", "0.045", 1_000, {}),),  # 9 credits
    "deepgram/nova-3": (("audio_input_seconds", "second", "0.005", 60, {}),),  # 1 credit a minute
}


def _published(demo: Demo) -> Demo:
    return demo._replace(prices=PUBLISHED.get(f"{demo.model.provider}/{demo.model.model}", demo.prices))


@pytest.fixture
def published(db: None) -> None:
    """The figures of the worked examples, with Free and Pro on offer: a message 1 credit, a call minute 10, speech 9
    credits per 1,000 characters, transcription 1 credit a minute, tokens as gpt-4o-mini is listed.
    """
    Plan.objects.filter(key="business").update(visibility="retired")
    import_reading(platform.read())
    for source in ("genai-prices", "bundled"):
        import_reading(demo_reading(source, tuple(map(_published, DEMO))))


@pytest.fixture
def credit() -> Decimal:
    return Decimal("0.005")
