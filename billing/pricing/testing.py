"""For tests of every package: a handful of real models, imported through the real service in milliseconds."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection, models, transaction

from billing.credits import clock
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site
from billing.pricing.models import CatalogModel, Meter, PriceChange, PriceImport, PriceLine, PriceSource
from billing.pricing.services import changed, import_reading
from billing.pricing.sources import platform
from billing.pricing.sources.rows import ModelRow, PriceRow, Reading, dims_of

M = 1_000_000


class Demo(NamedTuple):
    """A model with its prices: meter, unit, USD, per, dimensions."""

    source: str
    model: ModelRow
    prices: tuple[tuple[str, str, str, int, dict[str, str]], ...]


def _tokens(**usd: str) -> tuple[tuple[str, str, str, int, dict[str, str]], ...]:
    return tuple((meter, "token", price, M, {}) for meter, price in usd.items())


DEMO = (
    Demo(
        "genai-prices",
        ModelRow("openai", "gpt-4o-mini", "gpt 4o mini", "text", 128_000, ("gpt-4o-mini-2024-07-18",), True),
        (
            *_tokens(input_tokens="0.15", cached_input_tokens="0.075", output_tokens="0.6"),
            ("input_tokens", "token", "0.075", M, {"tier": "batch"}),
            ("output_tokens", "token", "0.3", M, {"tier": "batch"}),
        ),
    ),
    Demo(
        "genai-prices",
        ModelRow("openai", "gpt-4o", "gpt 4o", "text", 128_000, ("gpt-4o-2024-08-06",), True),
        _tokens(input_tokens="2.5", cached_input_tokens="1.25", output_tokens="10"),
    ),
    Demo(
        "genai-prices",
        ModelRow("openai", "text-embedding-3-small", "text-embedding-3-small", "embedding", 8192, (), True),
        _tokens(embedding_tokens="0.02"),
    ),
    Demo(
        "genai-prices",
        ModelRow("anthropic", "claude-sonnet-4-5", "Claude Sonnet 4.5", "text", 1_000_000, (), True),
        (
            *_tokens(input_tokens="3", cached_input_tokens="0.3", cache_write_tokens="3.75"),
            *_tokens(cache_write_1h_tokens="6", output_tokens="15"),
            ("input_tokens", "token", "6", M, {"context_over": "200000"}),
            ("cached_input_tokens", "token", "0.6", M, {"context_over": "200000"}),
            ("cache_write_tokens", "token", "7.5", M, {"context_over": "200000"}),
            ("cache_write_1h_tokens", "token", "12", M, {"context_over": "200000"}),
            ("output_tokens", "token", "22.5", M, {"context_over": "200000"}),
        ),
    ),
    Demo(
        "bundled",
        ModelRow("openai", "gpt-image-1.5", "gpt-image-1.5", "image", by_maker=True),
        (
            ("images", "image", "0.034", 1, {"quality": "medium", "size": "1024x1024"}),
            ("images", "image", "0.133", 1, {"quality": "high", "size": "1024x1024"}),
        ),
    ),
    Demo(
        "bundled",
        ModelRow("google", "gemini-2.5-flash-image", "gemini-2.5-flash-image", "image", by_maker=True),
        (("images", "image", "0.039", 1, {}),),
    ),
    Demo(
        "bundled",
        ModelRow("google", "veo-3.1-generate-001", "veo-3.1-generate-001", "video", by_maker=True),
        (
            ("video_seconds", "second", "0.4", 1, {}),
            ("video_seconds", "second", "0.6", 1, {"resolution": "4k"}),
        ),
    ),
    Demo(
        "bundled",
        ModelRow("elevenlabs", "eleven_flash_v2_5", "eleven_flash_v2_5", "speech", by_maker=True),
        (("input_characters", "character", "40", M, {}),),
    ),
    Demo(
        "bundled",
        ModelRow("deepgram", "nova-3", "nova-3", "transcription", by_maker=True),
        (("audio_input_seconds", "second", "0.0043", 60, {}),),
    ),
)


def demo_reading(source: str, models: tuple[Demo, ...] = DEMO) -> Reading:
    """What `source` says about the demo models."""
    of_source = [demo for demo in models if demo.source == source]
    rows = [
        PriceRow(demo.model.provider, demo.model.model, meter, unit, Decimal(usd), per, dims_of(**dims))
        for demo in of_source
        for meter, unit, usd, per, dims in demo.prices
    ]
    return Reading(source, "demo", rows, [demo.model for demo in of_source])


def rises_after(hours: int) -> None:
    """Let a dearer price count so many hours after it was read; 0: a minute, as one that falls."""
    SiteSettings.objects.update_or_create(pk=1, defaults={"price_rise_notice_hours": hours})
    forget_site()


def import_demo_prices() -> None:
    """Text: openai/gpt-4o-mini, openai/gpt-4o, anthropic/claude-sonnet-4-5; openai/text-embedding-3-small; images:
    openai/gpt-image-1.5, google/gemini-2.5-flash-image; google/veo-3.1-generate-001; elevenlabs/eleven_flash_v2_5;
    deepgram/nova-3; and the platform's own meters.

    Imported into an empty catalogue once in a process, and copied into every other one, as imported now.
    """
    with transaction.atomic():
        meters = _rows(Meter)
        if any(model._default_manager.exists() for model in IMPORTED):
            _import(clock.now())
        elif meters in _copies:
            now = f"{clock.now().astimezone(UTC):{AS_POSTGRES}}".encode()
            for model, rows in zip(IMPORTED, _copies[meters], strict=True):
                _write(model, rows.replace(MARK, now))
            changed()
        else:
            _import(MARKED)
            _copies[meters] = [_rows(model) for model in IMPORTED]
            for model in reversed(IMPORTED):
                model._default_manager.all().delete()
            import_demo_prices()


IMPORTED: tuple[type[models.Model], ...] = (PriceSource, CatalogModel, PriceImport, PriceLine, PriceChange)
# An instant that is recognised in the copied rows.
MARKED = datetime(2001, 2, 3, 4, 5, 6, 789_012, UTC)
AS_POSTGRES = "%Y-%m-%d %H:%M:%S.%f+00"
MARK = f"{MARKED:{AS_POSTGRES}}".encode()
_copies: dict[bytes, list[bytes]] = {}  # by the meters that were there


def _import(now: datetime) -> None:
    import_reading(platform.read(), now=now)
    for source in ("genai-prices", "bundled"):
        import_reading(demo_reading(source), now=now)


def _rows(model: type[models.Model]) -> bytes:
    with connection.cursor() as cursor, cursor.copy(f"COPY {model._meta.db_table} TO STDOUT") as out:
        return b"".join(bytes(part) for part in out)


def _write(model: type[models.Model], rows: bytes) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {model._meta.db_table} FROM STDIN") as into:
        into.write(rows)
