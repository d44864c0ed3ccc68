"""What the cost fields of LiteLLM's price file mean. Pure tables and the parsing of field names."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing.pricing.sources.rows import clean

BASE = {  # field without its suffixes → meter, unit
    "input_cost_per_token": ("input_tokens", "token"),
    "output_cost_per_token": ("output_tokens", "token"),
    "cache_read_input_token_cost": ("cached_input_tokens", "token"),
    "input_cost_per_token_cache_hit": ("cached_input_tokens", "token"),
    "cache_creation_input_token_cost": ("cache_write_tokens", "token"),
    "cache_creation_input_token_cost_above_1hr": ("cache_write_1h_tokens", "token"),  # what is kept for an hour
    "input_cost_per_audio_token": ("input_audio_tokens", "token"),
    "output_cost_per_audio_token": ("output_audio_tokens", "token"),
    "input_cost_per_image_token": ("input_image_tokens", "token"),
    "output_cost_per_image_token": ("output_image_tokens", "token"),
    "cache_read_input_image_token_cost": ("cache_image_read_tokens", "token"),
    "cache_read_input_audio_token_cost": ("cache_audio_read_tokens", "token"),
    "cache_creation_input_audio_token_cost": ("cache_audio_write_tokens", "token"),
    "input_cost_per_video_token": ("input_video_tokens", "token"),
    "output_cost_per_video_token": ("output_video_tokens", "token"),
    "output_cost_per_reasoning_token": ("reasoning_tokens", "token"),
    "citation_cost_per_token": ("output_citation_tokens", "token"),
    "input_cost_per_character": ("input_characters", "character"),
    "input_cost_per_query": ("searches", "search"),
    "input_cost_per_request": ("requests", "request"),
    "input_cost_per_text_message": ("input_text_messages", "message"),
    "google_maps_grounding_cost_per_query": ("map_searches", "search"),
    "ocr_cost_per_page": ("pages", "page"),
    "annotation_cost_per_page": ("annotated_pages", "page"),
    "ocr_cost_per_credit": ("ocr_credits", "credit"),
    "input_cost_per_audio_per_second": ("audio_input_seconds", "second"),
    "input_cost_per_video_per_second": ("video_input_seconds", "second"),
    "output_cost_per_video_per_second": ("video_seconds", "second"),
}
SECOND = {
    ("audio_transcription", "input_cost_per_second"): ("audio_input_seconds", "second"),
    ("audio_transcription", "output_cost_per_second"): ("audio_input_seconds", "second"),
    ("video_generation", "output_cost_per_second"): ("video_seconds", "second"),
    ("audio_speech", "output_cost_per_second"): ("audio_output_seconds", "second"),
    ("audio_speech", "input_cost_per_second"): ("audio_input_seconds", "second"),
    ("realtime", "output_cost_per_second"): ("audio_output_seconds", "second"),
    ("realtime", "input_cost_per_second"): ("audio_input_seconds", "second"),
}
IMAGE = {"image_generation", "image_edit"}
MEDIA = {  # mode → modality; what the bundled snapshot is made of
    "image_generation": "image",
    "image_edit": "image",
    "video_generation": "video",
    "audio_speech": "speech",
    "audio_transcription": "transcription",
    "rerank": "rerank",
    "ocr": "ocr",
    "search": "search",
}
MODES = MEDIA | {"embedding": "embedding", "realtime": "realtime", "moderation": "moderation"}  # all others: text
# The meters a token model is sold by: their zero means something (free, or not known), and a person decides.
SOLD_BY = {"input_tokens", "output_tokens", "embedding_tokens"}
SKIPPED = {"input_dbu_cost_per_token", "output_dbu_cost_per_token"}  # not in USD

TIERS = {
    "batches": "batch",
    "priority": "priority",
    "flex": "flex",
    "balanced": "balanced",
    "ultrafast": "ultrafast",
    "decisions": "decisions",
}
CONTEXT = re.compile(r"_above_(\d+)k_tokens$")
RESOLUTION = re.compile(r"_(480p|540p|720p|768p|1080p|2k|4k|0\.5K|1K|2K|4K|512|1024|1536)$")
# Per how many units a price is usually published; a price per token has too many zeros to be read.
PER = {"token": 1_000_000, "character": 1_000_000, "pixel": 1_000_000}
PUBLISHED = (("original_pricing_per_hour", 3600), ("original_pricing_per_minute", 60))


def stem_and_dims(field: str) -> tuple[str, dict[str, str]]:
    """The field's name without its suffixes, and what the suffixes say."""
    dims: dict[str, str] = {}
    for suffix, tier in TIERS.items():
        if field.endswith(f"_{suffix}"):
            dims["tier"], field = tier, field[: -len(suffix) - 1]
    if context := CONTEXT.search(field):
        dims["context_over"], field = str(int(context[1]) * 1000), field[: context.start()]
    if resolution := RESOLUTION.search(field):
        dims["resolution"], field = resolution[1].lower(), field[: resolution.start()]
    return field, dims


def unit_price(unit: str, price: Decimal, metadata: Mapping[str, Any]) -> tuple[Decimal, int]:
    """The price with the number of units it is published for.

    Prices per second were divided and rounded by the file ($0.22 an hour became 0.0000611); where it still names
    the published price, that one is taken.
    """
    if unit == "second":
        for key, per in PUBLISHED:
            published = metadata.get(key)
            if isinstance(published, Decimal) and abs(published - price * per) <= published / 200:
                return clean(published), per
    per = PER.get(unit, 1)
    return clean(price * per), per
