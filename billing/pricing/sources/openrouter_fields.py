"""What the price fields and SKUs of OpenRouter's catalogue mean. Pure tables and the parsing of names."""

import re
from decimal import Decimal

from billing.pricing.sources.litellm_fields import PER
from billing.pricing.sources.rows import clean

# Documents beside /models, under the same address.
PARTS = ("/models?output_modalities=speech", "/embeddings/models", "/videos/models", "/images/models")
MAIN = {  # beginning of the path → modality
    "/models?output_modalities=speech": "speech",
    "/embeddings/": "embedding",
    "/videos/": "video",
    "/images/": "image",
}
KEYS = {  # field of `pricing` → meter, unit
    "prompt": ("input_tokens", "token"),
    "completion": ("output_tokens", "token"),
    "request": ("requests", "request"),
    "image": ("input_images", "image"),
    "image_token": ("input_image_tokens", "token"),
    "image_output": ("output_image_tokens", "token"),
    "audio": ("input_audio_tokens", "token"),
    "audio_output": ("output_audio_tokens", "token"),
    "input_audio_cache": ("cache_audio_read_tokens", "token"),
    "web_search": ("web_searches", "search"),
    "internal_reasoning": ("reasoning_tokens", "token"),
    "input_cache_read": ("cached_input_tokens", "token"),
    "input_cache_write": ("cache_write_tokens", "token"),
    "input_cache_write_1h": ("cache_write_1h_tokens", "token"),
}
BILLABLE = {  # of an image endpoint: what, by what → meter, unit
    ("output_image", "image"): ("images", "image"),
    ("output_image", "token"): ("output_image_tokens", "token"),
    ("output_image", "megapixel"): ("output_pixels", "megapixel"),
    ("input_image", "image"): ("input_images", "image"),
    ("input_image", "token"): ("input_image_tokens", "token"),
    ("input_text", "token"): ("input_tokens", "token"),
}
SECONDS = re.compile(
    r"(?P<cents>cents_)?per_(?:video_)?(?:output_)?second(?:_output)?"
    r"|(?:(?P<operation>text_to_video|image_to_video)_)?duration_seconds|per-video-second"
)
# What may follow: with or without sound, a resolution.
REST = re.compile(r"(?:[_-](?P<audio>with_audio|without_audio))?(?:[_-](?P<resolution>\d{3,4}p|\dk))?")


def video_sku(sku: str) -> tuple[bool, dict[str, str]] | None:
    """Whether a SKU by the second is in cents, and the variant it names; None for one that is not understood."""
    begin = SECONDS.match(sku.lower())
    rest = REST.fullmatch(sku.lower()[begin.end() :]) if begin else None
    if begin is None or rest is None:
        return None
    dims = {
        "audio": {"with_audio": "yes", "without_audio": "no"}.get(rest["audio"] or "", ""),
        "resolution": rest["resolution"] or "",
        "operation": begin["operation"] or "",
    }
    return bool(begin["cents"]), {key: value for key, value in dims.items() if value}


def utc_window(start: object, end: object) -> str | None:
    """ "00:30-16:30" of 30 and 1630; None of what is no time of day."""
    found = [_clock(start), _clock(end)]
    return f"{found[0]}-{found[1]}" if all(found) else None


def _clock(value: object) -> str:
    digits = str(value).replace(":", "").zfill(4)
    valid = len(digits) == 4 and digits.isdecimal() and int(digits) <= 2400 and int(digits[2:]) < 60
    return f"{digits[:2]}:{digits[2:]}" if valid else ""


def per_unit(unit: str, price: Decimal) -> tuple[str, Decimal, int]:
    """The unit, and the price with the number of units it is shown for; pixels are sold by the million."""
    if unit == "megapixel":
        return "pixel", clean(price), PER["pixel"]
    per = PER.get(unit, 1)
    return unit, clean(price * per), per
