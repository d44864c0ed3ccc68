"""The variant of a price as a person writes it: "resolution=1080p, audio=yes". Pure."""

import re
from collections.abc import Mapping

from billing.pricing.tariff import clean_variant

# What sources use; a value that an event can never name would be a price that is never charged.
KNOWN = (
    *("tier", "resolution", "audio", "quality", "size", "steps", "region", "operation", "search_context"),
    *("context_over", "utc_window", "minimum"),
)
WORD = re.compile(r"[a-z0-9][a-z0-9 ._:+-]{0,39}")
NUMBERS = {"context_over", "minimum"}
WINDOW = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")


class BadVariant(ValueError):
    """The text names no variant; the message says what is wrong with it."""


def parse_variant(text: str) -> dict[str, str]:
    """Dimensions with canonical keys and values; an empty text is the plain price. Raises BadVariant."""
    said: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.replace("\n", ",").split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise BadVariant(f"“{part}” is not of the form key=value, such as resolution=1080p.")
        if key.lower() in said:
            raise BadVariant(f"“{key}” is there twice.")
        said[key.lower()] = value
    rules = {key: value for key, value in said.items() if key in ("context_over", "utc_window", "minimum")}
    named = clean_variant({key: value for key, value in said.items() if key not in rules})
    return dict(sorted({key: _checked(key, value) for key, value in (named | rules).items()}.items()))


def variant_text(dims: Mapping[str, str]) -> str:
    """What `parse_variant` reads."""
    return ", ".join(f"{key}={value}" for key, value in sorted(dims.items()))


def _checked(key: str, value: str) -> str:
    if key not in KNOWN:
        raise BadVariant(f"“{key}” is no variant. There are: {', '.join(KNOWN)}.")
    if key in NUMBERS:
        digits = value.replace(",", "").replace("_", "")
        if not digits.isdecimal() or not 0 < int(digits) < 10**12:
            raise BadVariant(f"{key} is a whole number above zero, not “{value}”.")
        return str(int(digits))
    if key == "utc_window":
        if not WINDOW.fullmatch(value):
            raise BadVariant(f"utc_window is a time of day in UTC such as 16:30-00:30, not “{value}”.")
        return value
    if key == "audio" and value not in ("yes", "no"):
        raise BadVariant(f"audio is yes or no, not “{value}”.")
    if not WORD.fullmatch(value):
        raise BadVariant(f"“{value}” is no value of {key}: letters, digits and . _ : + - are.")
    return value
