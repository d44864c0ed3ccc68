"""The demo with less around its story, for tests that look at what happened to its customers.

It has prices of the models that it uses, without the thousands that it does not, and one voice.
"""

import pytest

from billing.credits import clock
from billing.pricing.services import import_reading
from billing.pricing.sources import platform
from billing.pricing.sources.rows import ModelRow
from billing.pricing.testing import DEMO, Demo, M, demo_reading
from portal.demo import voices

USED = (
    *DEMO,
    Demo(
        "genai-prices",
        ModelRow("anthropic", "claude-haiku-4-5", "Claude Haiku 4.5", "text", 200_000, (), True),
        (
            ("input_tokens", "token", "1", M, {}),
            ("output_tokens", "token", "5", M, {}),
        ),
    ),
    Demo(
        "bundled",
        ModelRow("openai", "gpt-image-1", "gpt-image-1", "image", by_maker=True),
        (("images", "image", "0.042", 1, {"quality": "medium", "size": "1024x1024"}),),
    ),
)


@pytest.fixture
def little_around(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """To be asked for before the demo is seeded. test_seed.py tells the whole of it."""
    now = clock.now()
    import_reading(platform.read(), now=now)
    for source in ("genai-prices", "bundled"):
        import_reading(demo_reading(source, USED), now=now)
    monkeypatch.setattr(voices, "VOICES", voices.VOICES[-1:])
