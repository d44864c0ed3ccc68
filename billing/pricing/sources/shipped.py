"""Prices that no catalogue has, or has wrong: dated rows that come with Purser.

They stand right behind the operator's own rows: what is entered in the admin wins, whatever a later release ships.
"""

from collections.abc import Iterator
from decimal import Decimal

from billing.pricing.sources.rows import ModelRow, PriceRow, Reading

SOURCE = "shipped"
VERSION = "2026-10-01"  # the day of the newest figures below; some were read earlier, as they say
M = 1_000_000

# ElevenLabs publishes dollars on its pricing page only (read in June 2026); catalogues still have older rates.
ELEVENLABS_SPEECH = {  # USD for 1,000 characters
    "0.10": ("eleven_multilingual_v2", "eleven_v3"),
    "0.05": ("eleven_flash_v2", "eleven_flash_v2_5", "eleven_turbo_v2", "eleven_turbo_v2_5"),
}
ELEVENLABS_TRANSCRIPTION = "0.22"  # USD an hour
SCRIBES = ("scribe_v1", "scribe_v2")

# EXAMPLES. Cartesia publishes credits: one for a character of speech, 3 (ink-2) or 1 (ink-whisper) for a second of
# transcription. What a credit costs depends on the plan; here it is $0.00005. Check yours.
CARTESIA_CREDIT = Decimal("0.00005")
CARTESIA_SPEECH = ("sonic-2", "sonic-3", "sonic-turbo")
CARTESIA_TRANSCRIPTION = {"ink-2": 3, "ink-whisper": 1}  # credits for a second


def read() -> Reading:
    """Every shipped row, and the models it is of."""
    rows = [*_elevenlabs(), *_cartesia()]
    models = {
        (row.provider, row.model): ModelRow(
            row.provider,
            row.model,
            row.model.replace("_", " ").replace("-", " ").capitalize(),
            "speech" if row.unit == "character" else "transcription",
            by_maker=True,
        )
        for row in rows
    }
    return Reading(SOURCE, VERSION, rows, list(models.values()))


def _elevenlabs() -> Iterator[PriceRow]:
    for usd, models in ELEVENLABS_SPEECH.items():
        for model in models:
            yield PriceRow("elevenlabs", model, "input_characters", "character", Decimal(usd), 1000)
    for model in SCRIBES:
        yield PriceRow("elevenlabs", model, "audio_input_seconds", "second", Decimal(ELEVENLABS_TRANSCRIPTION), 3600)


def _cartesia() -> Iterator[PriceRow]:
    for model in CARTESIA_SPEECH:
        yield PriceRow("cartesia", model, "input_characters", "character", (CARTESIA_CREDIT * M).normalize(), M)
    for model, credits in CARTESIA_TRANSCRIPTION.items():
        usd = (CARTESIA_CREDIT * credits * 3600).normalize()
        yield PriceRow("cartesia", model, "audio_input_seconds", "second", usd, 3600)
