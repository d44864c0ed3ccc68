"""What someone is about to ask of a model: parsed, and turned into quantities."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.metering.errors import EventRejected
from billing.metering.numbers import quantity
from billing.metering.validate import parse_usage, parse_variant, text
from billing.pricing.tariff import ModelPrices
from billing.usage.history import usual_output

FIELDS = frozenset({"model", "usage", "usage_format", "variant", "text", "max_output_tokens", "project", "task"})
LONGEST_TEXT = 2_000_000  # code points
CHARACTERS_PER_TOKEN = 4
CHARACTERS_PER_SECOND = 15  # of speech at an ordinary pace
USUAL_OUTPUT = 500  # tokens, where the workspace has no history with the model


@dataclass(frozen=True)
class Wanted:
    """A request before it is made. Either `usage` or `text` is given."""

    model: str
    usage: Mapping[str, Decimal] = field(default_factory=dict)
    variant: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    max_output_tokens: Decimal | None = None
    project: str = ""
    task: str = ""


@dataclass(frozen=True)
class Sized:
    """The quantities to expect, where they come from (given, history, default), and what was assumed, in words."""

    usage: Mapping[str, Decimal]
    basis: str
    note: str = ""


def parse_wanted(raw: object) -> Wanted:
    """The body of an estimate. Raises EventRejected with a JSON pointer."""
    if not isinstance(raw, Mapping):
        raise EventRejected("invalid_request", "The body is a JSON object.")
    unknown = sorted(str(name) for name in raw.keys() - FIELDS)
    if unknown:
        name = unknown[0][:60].encode("utf-8", "replace").decode()
        pointer = "/" + name.replace("~", "~0").replace("/", "~1")
        raise EventRejected("invalid_request", f"Unknown field “{name}”.", pointer)
    usage, body = raw.get("usage"), raw.get("text")
    if (usage is None) == (body is None):
        raise EventRejected("invalid_request", "Give either usage or text.", "/usage")
    most = raw.get("max_output_tokens")
    variant = raw.get("variant")
    return Wanted(
        model=text(raw.get("model"), "/model", 200),
        usage={} if usage is None else parse_usage(usage, raw.get("usage_format")),
        variant={} if variant is None else parse_variant(variant),
        text=None if body is None else text(body, "/text", LONGEST_TEXT),
        max_output_tokens=None if most is None else quantity(most, "/max_output_tokens"),
        project=text(raw.get("project"), "/project", 120),
        task=text(raw.get("task"), "/task", 120),
    )


def sized(wanted: Wanted, prices: ModelPrices, *, workspace_id: int, now: datetime) -> Sized:
    """The quantities of `wanted`: as given, or from its text by what the model bills. Raises EventRejected."""
    if wanted.text is None:
        return Sized(wanted.usage, "given")
    tariff = prices.tariff(at=now, variant=wanted.variant)
    billed = {meter for meter, line in tariff.lines.items() if not line.platform}
    characters = Decimal(len(wanted.text))
    if "input_characters" in billed:
        return Sized({"input_characters": characters}, "given")
    tokens = (characters + CHARACTERS_PER_TOKEN - 1) // CHARACTERS_PER_TOKEN
    counted = f"A token is taken as {CHARACTERS_PER_TOKEN} characters."
    if "output_tokens" in billed:
        output, basis, why = _output(wanted, prices, workspace_id, now)
        return Sized({"input_tokens": tokens, "output_tokens": output}, basis, f"{counted} {why}")
    if billed & {"input_tokens", "embedding_tokens"}:
        return Sized({"input_tokens": tokens}, "default", counted)
    if "images" in billed:
        return Sized({"images": Decimal(1)}, "default", "One image is assumed.")
    meters = ", ".join(sorted(billed)) or "no meter"
    detail = f"{wanted.model} bills {meters}, which a text does not tell. Give usage instead."
    raise EventRejected("invalid_request", detail, "/text")


def _output(wanted: Wanted, prices: ModelPrices, workspace_id: int, now: datetime) -> tuple[Decimal, str, str]:
    """Tokens of the answer: the longest that was asked for, else what this workspace usually gets, else a default."""
    if wanted.max_output_tokens is not None:
        return wanted.max_output_tokens, "default", "The longest answer asked for is assumed."
    usual = usual_output(workspace_id, provider=prices.provider, model=prices.model, now=now)
    if usual is not None:
        return usual, "history", "The answer is taken as long as this workspace's answers usually are."
    return Decimal(USUAL_OUTPUT), "default", f"An answer of {USUAL_OUTPUT} tokens is assumed."


def audio_seconds(usage: Mapping[str, Any]) -> Decimal:
    """Seconds of audio to expect: as counted, or how long it takes to say the characters, to a tenth."""
    for meter in ("audio_output_seconds", "audio_input_seconds", "audio_seconds"):
        if usage.get(meter):
            return Decimal(usage[meter])
    spoken: Decimal = usage.get("input_characters", Decimal(0)) / CHARACTERS_PER_SECOND
    return spoken.quantize(Decimal("0.1"))
