"""Turn what providers call usage into our meters. Pure.

`normalise` takes either our own meters (unknown names are kept, so that they can be named to the sender) or a
provider's whole `usage` object, of which only what is known to be billed is read.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from billing.pricing.meters import ANCESTORS

FORMATS = ("openai", "anthropic", "gemini")

ALIASES = {  # flat names that mean one of our meters wherever they stand
    "prompt_tokens": "input_tokens",
    "promptTokenCount": "input_tokens",
    "completion_tokens": "output_tokens",
    "cachedContentTokenCount": "cached_input_tokens",
    "cache_read_tokens": "cached_input_tokens",
    "cached_tokens": "cached_input_tokens",
    "cache_read_input_tokens": "cached_input_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "input_audio_seconds": "audio_input_seconds",
    "output_audio_seconds": "audio_output_seconds",
    "characters": "input_characters",
    "output_images": "images",
    "input_pages": "pages",
    "rerank_searches": "searches",
    "num_search_queries": "web_searches",
}
# Sums of the other numbers: nothing to bill.
TOTALS = {"total_tokens", "totalTokenCount", "billable_tokens"}

OWN = {
    *ANCESTORS,
    *("embedding_tokens", "input_characters", "audio_seconds", "images", "video_seconds"),
    *("requests", "pages", "searches", "web_searches"),
}

LARGEST = 10**12  # checked before anything is added up: 1e999999999 is a Decimal, but no sum can hold it


class UsageError(ValueError):
    """A quantity that is no number from 0 to 10^12. `meter` names it."""

    def __init__(self, meter: str, problem: str) -> None:
        super().__init__(f"{meter} {problem}")
        self.meter = meter


def number(meter: str, value: object) -> Decimal:
    """`value` as an exact Decimal from 0 to 10^12; raises UsageError."""
    if isinstance(value, bool) or not isinstance(value, int | str | float | Decimal):
        raise UsageError(meter, "is not a number")
    try:
        quantity = value if isinstance(value, Decimal) else Decimal(str(value))
    except (InvalidOperation, ValueError):  # ValueError: an integer of more digits than Python writes
        raise UsageError(meter, "is not a number") from None
    if not quantity.is_finite():
        raise UsageError(meter, "is not finite")
    if quantity < 0:
        raise UsageError(meter, "is negative")
    if quantity > LARGEST:
        raise UsageError(meter, "must not exceed 10^12")
    return quantity


def normalise(usage: Mapping[str, Any], fmt: str | None = None) -> dict[str, Decimal]:
    """Quantities by meter. `fmt`: "openai", "anthropic", "gemini", or None for our own names and their aliases.

    Without `fmt` a provider's object is recognised by the names only that provider uses. Raises UsageError.
    """
    reader = READERS[fmt] if fmt else _recognised(usage)
    if reader is not None:
        found = _Found(usage)
        reader(found)
        found.ours()
        return found.quantities
    quantities: dict[str, Decimal] = {}
    for name, value in usage.items():
        meter = ALIASES.get(name, name)
        if name in TOTALS or value is None:
            continue
        if meter != name and meter in usage:
            continue  # sent under both names: ours counts
        quantities[meter] = number(name, value)
    return quantities


class _Found:
    """A provider's object being read."""

    def __init__(self, usage: Mapping[str, Any]) -> None:
        self.usage = usage
        self.quantities: dict[str, Decimal] = {}

    def add(self, meter: str, *path: str) -> None:
        """Add the number at `path`, when there is one, to `meter`."""
        value: Any = self.usage
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is not None:
            self.quantities[meter] = self.quantities.get(meter, Decimal(0)) + number(".".join(path), value)

    def modalities(self, pattern: str, key: str) -> None:
        """Gemini's lists of {modality, tokenCount}; a document is counted like an image, as its price list does."""
        listed = self.usage.get(key)
        for entry in listed if isinstance(listed, list) else []:
            modality = str(entry.get("modality", "")).lower() if isinstance(entry, Mapping) else ""
            modality = "image" if modality == "document" else modality
            if modality in ("text", "audio", "image", "video") and entry.get("tokenCount") is not None:
                meter = pattern.format(modality)
                count = number(f"{key}.{modality}", entry["tokenCount"])
                self.quantities[meter] = self.quantities.get(meter, Decimal(0)) + count

    def ours(self) -> None:
        """Our own meters standing beside the provider's numbers (images next to prompt_tokens)."""
        for name in OWN - self.quantities.keys():
            self.add(name, name)


def _openai(found: _Found) -> None:
    """Chat completions, responses, images, embeddings and realtime; LiteLLM and most compatible servers."""
    whole_in = "prompt_tokens" if found.usage.get("prompt_tokens") is not None else "input_tokens"
    whole_out = "completion_tokens" if found.usage.get("completion_tokens") is not None else "output_tokens"
    found.add("input_tokens", whole_in)
    found.add("output_tokens", whole_out)
    for details in ("prompt_tokens_details", "input_tokens_details", "input_token_details"):
        found.add("cached_input_tokens", details, "cached_tokens")
        found.add("cache_write_tokens", details, "cache_write_tokens")
        for modality in ("text", "audio", "image", "video"):
            found.add(f"input_{modality}_tokens", details, f"{modality}_tokens")
            found.add(f"cache_{modality}_read_tokens", details, "cached_tokens_details", f"{modality}_tokens")
    for details in ("completion_tokens_details", "output_tokens_details", "output_token_details"):
        found.add("reasoning_tokens", details, "reasoning_tokens")
        for modality in ("text", "audio", "image", "video"):
            found.add(f"output_{modality}_tokens", details, f"{modality}_tokens")
    if "cached_input_tokens" not in found.quantities:  # LiteLLM's names for Anthropic's numbers, inside prompt_tokens
        found.add("cached_input_tokens", "cache_read_input_tokens")
    if "cache_write_tokens" not in found.quantities:
        found.add("cache_write_tokens", "cache_creation_input_tokens")
    found.add("audio_input_seconds", "seconds")  # transcriptions billed by duration


def _anthropic(found: _Found) -> None:
    """Messages: `input_tokens` leaves the cached ones out, so they are added up."""
    for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"):
        found.add("input_tokens", name)
    found.add("cached_input_tokens", "cache_read_input_tokens")
    found.add("cache_write_tokens", "cache_creation_input_tokens")
    found.add("cache_write_5m_tokens", "cache_creation", "ephemeral_5m_input_tokens")
    found.add("cache_write_1h_tokens", "cache_creation", "ephemeral_1h_input_tokens")
    found.add("output_tokens", "output_tokens")
    found.add("reasoning_tokens", "output_tokens_details", "thinking_tokens")
    found.add("web_searches", "server_tool_use", "web_search_requests")


def _gemini(found: _Found) -> None:
    """usageMetadata: thoughts are not in `candidatesTokenCount`, tool prompts not in `promptTokenCount`."""
    for name in ("promptTokenCount", "toolUsePromptTokenCount"):
        found.add("input_tokens", name)
    for name in ("candidatesTokenCount", "responseTokenCount", "thoughtsTokenCount"):
        found.add("output_tokens", name)
    found.add("cached_input_tokens", "cachedContentTokenCount")
    found.add("input_tool_tokens", "toolUsePromptTokenCount")
    found.add("reasoning_tokens", "thoughtsTokenCount")
    found.modalities("input_{}_tokens", "promptTokensDetails")
    found.modalities("input_{}_tokens", "toolUsePromptTokensDetails")
    found.modalities("input_{}_tool_tokens", "toolUsePromptTokensDetails")
    found.modalities("cache_{}_read_tokens", "cacheTokensDetails")
    found.modalities("output_{}_tokens", "candidatesTokensDetails")
    found.modalities("output_{}_tokens", "responseTokensDetails")


READERS: Mapping[str, Callable[[_Found], None]] = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}

_OPENAI_NAMES = {"prompt_tokens", "completion_tokens"} | {
    f"{side}_{details}"
    for side in ("prompt", "completion", "input", "output")
    for details in ("tokens_details", "token_details")
}
_ANTHROPIC_NAMES = {"cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use"}
_GEMINI_NAMES = {"promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount"}


def _recognised(usage: Mapping[str, Any]) -> Callable[[_Found], None] | None:
    names = usage.keys()
    if names & _GEMINI_NAMES:
        return _gemini
    if "prompt_tokens" in names or "completion_tokens" in names:
        return _openai
    if "input_tokens" in names and names & _ANTHROPIC_NAMES:
        return _anthropic
    if any(isinstance(usage.get(name), Mapping) for name in _OPENAI_NAMES):
        return _openai
    return None
