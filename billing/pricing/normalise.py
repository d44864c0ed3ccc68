"""Turn what providers call usage into our meters. Pure.

`normalise` takes either our own meters (unknown names are kept, so that they can be named to the sender) or a
provider's whole `usage` object. Details of such an object are parts of its wholes; a number that stands by itself and
that nobody knows is kept as well: what might have to be billed is never dropped. `variant_of` reads which of the
model's prices the object says it was served at.
"""

import re
from collections.abc import Callable, Container, Mapping
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
    "prompt_cache_hit_tokens": "cached_input_tokens",
    "num_cached_tokens": "cached_input_tokens",
    "cache_read_input_tokens": "cached_input_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "citation_tokens": "output_citation_tokens",
    "input_audio_seconds": "audio_input_seconds",
    "prompt_audio_seconds": "audio_input_seconds",
    "output_audio_seconds": "audio_output_seconds",
    "characters": "input_characters",
    "output_images": "images",
    "input_pages": "pages",
    "rerank_searches": "searches",
    "num_search_queries": "web_searches",
    "num_sources_used": "web_searches",
    "web_search_requests": "web_searches",
}
# Sums of the other numbers: nothing to bill.
TOTALS = {"total_tokens", "totalTokenCount", "billable_tokens"}

# Numbers in providers' objects that are not billed: durations of serving, what was not cached, the provider's own bill.
BOOKKEEPING = {
    *("queue_time", "prompt_time", "completion_time", "total_time", "prompt_cache_miss_tokens"),
    *("cost", "cost_in_usd_ticks", "estimated_cost"),
}

OWN = {
    *ANCESTORS,
    *("embedding_tokens", "input_characters", "audio_seconds", "images", "video_seconds"),
    *("requests", "pages", "searches", "web_searches"),
}

# A number written as a text.
DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)
MOST_DIGITS = 40
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
    if isinstance(value, str) and not (len(value) <= MOST_DIGITS and DECIMAL.fullmatch(value)):
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
    fmt = fmt or format_of(usage)
    if fmt:
        found = _Found(_as_rest(usage) if fmt == "gemini" else usage)
        READERS[fmt](found)
        found.others()
        return found.quantities
    quantities: dict[str, Decimal] = {}
    for name, value in usage.items():
        meter = ALIASES.get(name, name)
        if name in TOTALS or value is None:
            continue
        if meter != name and usage.get(meter) is not None:
            continue  # sent under both names: ours counts
        quantity = number(name, value)
        if meter == name or not quantities.get(meter):
            quantities[meter] = quantity
    return quantities


class _Found:
    """A provider's object being read."""

    def __init__(self, usage: Mapping[str, Any]) -> None:
        self.usage = usage
        self.quantities: dict[str, Decimal] = {}
        self.read: set[str] = set()  # names that were looked at

    def add(self, meter: str, *path: str, of: Mapping[str, Any] | None = None) -> None:
        """Add the number at `path`, when there is one, to `meter`."""
        if of is None:
            self.read.add(path[0])
        value: Any = self.usage if of is None else of
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is not None:
            self.quantities[meter] = self.quantities.get(meter, Decimal(0)) + number(".".join(path), value)

    def first(self, meter: str, *paths: tuple[str, ...]) -> None:
        """The first number of these that is not 0, where nothing is told yet: one thing under several names."""
        for path in paths:
            told = self.quantities.get(meter)
            if not told:
                self.add(meter, *path)
                if told is None and not self.quantities.get(meter):
                    self.quantities.pop(meter, None)

    def has(self, *path: str) -> bool:
        """Whether there is an object at `path`."""
        value: Any = self.usage
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        return isinstance(value, Mapping)

    def modalities(self, pattern: str, key: str) -> None:
        """Gemini's lists of {modality, tokenCount}; a document is counted like an image, as its price list does."""
        listed = self.usage.get(key)
        for entry in listed if isinstance(listed, list) else []:
            modality = str(entry.get("modality", "")).lower() if isinstance(entry, Mapping) else ""
            modality = "image" if modality == "document" else modality
            told = entry.get("tokenCount", entry.get("token_count")) if modality else None
            if modality in ("text", "audio", "image", "video") and told is not None:
                meter = pattern.format(modality)
                count = number(f"{key}.{modality}", told)
                self.quantities[meter] = self.quantities.get(meter, Decimal(0)) + count

    def others(self) -> None:
        """Numbers beside the provider's: our own meters (images next to prompt_tokens), and what is not known."""
        for name, value in self.usage.items():
            meter = ALIASES.get(name, name)
            if name in OWN and value is not None:
                number(name, value)  # also where the provider's own names count
            if name in self.read or meter in self.quantities or name in TOTALS or name in BOOKKEEPING:
                continue
            if meter in OWN or _counts(value):
                self.add(meter, name)

    def unknown(self, key: str, *, known: Container[str]) -> None:
        """Numbers in an object of the provider's that are not among the `known`."""
        counts = self.usage.get(key)
        for name, value in counts.items() if isinstance(counts, Mapping) else ():
            if name not in known and _counts(value):
                self.add(name, key, name)


def _counts(value: object) -> bool:
    """Whether it is a number that says something."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and bool(value)


_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")
# Of what a provider's server did besides. Fetching a page and finding a tool cost their tokens alone.
_SERVER_TOOLS = {"web_search_requests", "web_fetch_requests", "tool_search_requests"}


def _openai(found: _Found) -> None:
    """Chat completions, responses, images, embeddings and realtime; LiteLLM and most compatible servers.

    LiteLLM and LangChain give the numbers of other providers in this form, under names of their own, some of them in
    several places.
    """
    whole_in = "prompt_tokens" if found.usage.get("prompt_tokens") is not None else "input_tokens"
    whole_out = "completion_tokens" if found.usage.get("completion_tokens") is not None else "output_tokens"
    found.add("input_tokens", whole_in)
    found.add("output_tokens", whole_out)
    found.first("web_searches", ("server_tool_use", "web_search_requests"))
    found.unknown("server_tool_use", known=_SERVER_TOOLS)
    for details in _INPUT_DETAILS:
        found.first("cached_input_tokens", (details, "cached_tokens"), (details, "cache_read"))
        for written in ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens"):
            found.first("cache_write_tokens", (details, written))
        if not found.has(details, "cache_creation"):
            found.first("cache_write_tokens", (details, "cache_creation"))
        for life in ("5m", "1h"):
            name = f"ephemeral_{life}_input_tokens"
            for lives in ("cache_creation_token_details", "cache_creation"):
                found.first(f"cache_write_{life}_tokens", (details, lives, name))
            found.first(f"cache_write_{life}_tokens", (details, name))
        found.first("web_searches", (details, "web_search_requests"))
        for modality in ("text", "audio", "image", "video"):
            found.first(f"input_{modality}_tokens", (details, f"{modality}_tokens"), (details, modality))
            found.add(f"cache_{modality}_read_tokens", details, "cached_tokens_details", f"{modality}_tokens")
    for details in _OUTPUT_DETAILS:
        found.first("reasoning_tokens", (details, "reasoning_tokens"), (details, "reasoning"))
        for modality in ("text", "audio", "image", "video"):
            found.first(f"output_{modality}_tokens", (details, f"{modality}_tokens"), (details, modality))
    found.first("cached_input_tokens", ("cache_read_input_tokens",))  # Anthropic's, here inside prompt_tokens
    found.first("cache_write_tokens", ("cache_creation_input_tokens",))
    found.add("audio_input_seconds", "seconds")  # transcriptions billed by duration


_ANTHROPIC_INPUT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def _anthropic(found: _Found) -> None:
    """Messages: `input_tokens` leaves the cached ones out, so they are added up. The object sums its turns of type
    message; those that compact the conversation are billed besides, those of an advising model at another price.
    """
    _anthropic_turn(found, None)
    found.add("reasoning_tokens", "output_tokens_details", "thinking_tokens")
    found.add("web_searches", "server_tool_use", "web_search_requests")
    found.unknown("server_tool_use", known=_SERVER_TOOLS)
    found.read.add("iterations")
    turns = found.usage.get("iterations")
    for turn in turns if isinstance(turns, list) else []:
        kind = turn.get("type") if isinstance(turn, Mapping) else None
        if kind == "compaction":
            _anthropic_turn(found, turn)
        elif isinstance(kind, str) and kind not in ("message", "fallback_message"):
            for name in (*_ANTHROPIC_INPUT, "output_tokens"):
                found.add(f"{kind[:30]}_{name}", name, of=turn)


def _anthropic_turn(found: _Found, turn: Mapping[str, Any] | None) -> None:
    for name in _ANTHROPIC_INPUT:
        found.add("input_tokens", name, of=turn)
    found.add("cached_input_tokens", "cache_read_input_tokens", of=turn)
    found.add("cache_write_tokens", "cache_creation_input_tokens", of=turn)
    found.add("cache_write_5m_tokens", "cache_creation", "ephemeral_5m_input_tokens", of=turn)
    found.add("cache_write_1h_tokens", "cache_creation", "ephemeral_1h_input_tokens", of=turn)
    found.add("output_tokens", "output_tokens", of=turn)


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

_OPENAI_NAMES = {"prompt_tokens", "completion_tokens", *_INPUT_DETAILS, *_OUTPUT_DETAILS}
_OPENAI_TYPES = ("tokens", "duration")  # of a transcription
_ANTHROPIC_NAMES = {"cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use"}
_GEMINI_NAMES = {"promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount"}
_GEMINI_FIELDS = _GEMINI_NAMES | {
    *("toolUsePromptTokenCount", "responseTokenCount", "totalTokenCount", "promptTokensDetails", "cacheTokensDetails"),
    *("toolUsePromptTokensDetails", "candidatesTokensDetails", "responseTokensDetails"),
}
# As Google's libraries for Python, Ruby and PHP write them.
_UNDERSCORED = {re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", name): name for name in _GEMINI_FIELDS}


def _as_rest(usage: Mapping[str, Any]) -> dict[str, Any]:
    """usageMetadata with the names of Gemini's REST API."""
    return {_UNDERSCORED.get(name, name): value for name, value in usage.items()}


def format_of(usage: Mapping[str, Any]) -> str | None:
    """Whose object it is, by the names that only that provider uses; None for our own meters."""
    names = usage.keys()
    if any(_UNDERSCORED.get(name, name) in _GEMINI_NAMES for name in names):
        return "gemini"
    if "prompt_tokens" in names or "completion_tokens" in names:
        return "openai"
    if "input_tokens" in names and names & _ANTHROPIC_NAMES:
        return "anthropic"
    if any(isinstance(usage.get(name), Mapping) for name in _OPENAI_NAMES) or usage.get("type") in _OPENAI_TYPES:
        return "openai"
    return None


# Which price a provider says it served at, by the names that say it. What is not listed says the usual one.
_TIERS = {"batch": "batch", "priority": "priority", "flex": "flex", "fast": "fast"}
_TRAFFIC = {"on_demand_priority": "priority", "on_demand_flex": "flex"}
TIER_NAMES: Mapping[str, Mapping[str, str]] = {
    "service_tier": _TIERS,
    "serviceTier": _TIERS,
    "trafficType": _TRAFFIC,
    "traffic_type": _TRAFFIC,
    "speed": _TIERS,
}


def variant_of(usage: Mapping[str, Any], fmt: str | None = None) -> dict[str, str]:
    """The variant of the price that a provider's object names: {"tier": "batch"}, or nothing."""
    if usage.keys().isdisjoint(TIER_NAMES) or not (fmt or format_of(usage)):
        return {}
    for name, tiers in TIER_NAMES.items():
        said = usage.get(name)
        if isinstance(said, str) and (tier := tiers.get(said.lower())):
            return {"tier": tier}
    return {}
