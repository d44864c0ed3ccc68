"""From a request before it is made to the quantities to expect. Pure: what history says is asked of the caller."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from billing.metering.errors import EventRejected
from billing.pricing.tariff import ModelPrices
from billing.usage.wanted import Wanted

# Of a text in UTF-8, whatever its script: English has about four bytes to a token, code, Chinese, Japanese and Russian
# come to between two and four. An estimate says what is usual, a hold promises and must rather be too large.
USUAL_BYTES_PER_TOKEN = 4
FEWEST_BYTES_PER_TOKEN = 3
CHARACTERS_PER_SECOND = 15  # of speech at an ordinary pace


class Answer(NamedTuple):
    """Output tokens to expect, where the number comes from, and what was assumed, in words."""

    tokens: Decimal
    basis: str
    note: str


@dataclass(frozen=True)
class Sized:
    """The quantities to expect, where they come from, and what was assumed, in words.

    `asked` are those that the request itself names: only these can be more than a plan allows.
    """

    usage: Mapping[str, Decimal]
    basis: str
    note: str = ""
    asked: Mapping[str, Decimal] = field(default_factory=dict)


# The answer to expect for so many input tokens.
Expect = Callable[[Decimal], Answer]


def sized(
    wanted: Wanted,
    prices: ModelPrices,
    *,
    at: datetime,
    answer: Expect,
    bytes_per_token: int = USUAL_BYTES_PER_TOKEN,
) -> Sized:
    """The quantities of `wanted`, which gives usage or text: as given, or by what the model bills.

    Raises EventRejected for a text that says nothing about what the model bills.
    """
    tariff = prices.tariff(at=at, variant=wanted.variant)
    billed = {meter for meter, line in tariff.lines.items() if not line.platform}
    if wanted.text is None:
        return _given(wanted, answer if "output_tokens" in billed else None)
    if "input_characters" in billed:
        usage = {"input_characters": Decimal(len(wanted.text))}
        return Sized(usage, "given", asked=usage)
    tokens = _tokens(wanted.text, bytes_per_token)
    usual = _tokens(wanted.text, USUAL_BYTES_PER_TOKEN)  # a plan's limit must not refuse what is only held for
    counted = f"A token is taken as {bytes_per_token} bytes of the text in UTF-8."
    if "output_tokens" in billed:
        return _with_answer(tokens, wanted, answer, counted, named=usual)
    if billed & {"input_tokens", "embedding_tokens"}:
        return Sized(tokens, "default", counted, asked=usual)
    if "images" in billed:
        return Sized({"images": Decimal(1)}, "default", "One image is assumed.")
    meters = ", ".join(sorted(billed)) or "no meter"
    detail = f"{wanted.model} bills {meters}, which a text does not tell. Give usage instead."
    raise EventRejected("invalid_request", detail, "/text")


def _given(wanted: Wanted, answer: Expect | None) -> Sized:
    """What was given; the answer is added where the request only says how long it may be."""
    if answer is None or wanted.max_output_tokens is None or "output_tokens" in wanted.usage:
        return Sized(wanted.usage, "given", asked=wanted.usage)
    return _with_answer(wanted.usage, wanted, answer)


def _tokens(words: str, bytes_per_token: int) -> Mapping[str, Decimal]:
    return {"input_tokens": Decimal(-(-len(words.encode()) // bytes_per_token))}


def _with_answer(
    usage: Mapping[str, Decimal],
    wanted: Wanted,
    answer: Expect,
    counted: str = "",
    named: Mapping[str, Decimal] | None = None,
) -> Sized:
    """`named` is what the request itself says of its size, where that is not `usage`."""
    expected = answer(usage.get("input_tokens", Decimal(0)))
    asked = usage if named is None else named
    if wanted.max_output_tokens is not None:
        asked = {**asked, "output_tokens": wanted.max_output_tokens}
    note = f"{counted} {expected.note}".strip()
    return Sized({**usage, "output_tokens": expected.tokens}, expected.basis, note, asked)


def audio_seconds(usage: Mapping[str, Any]) -> Decimal:
    """Seconds of audio to expect: as counted, or how long it takes to say the characters, to a tenth."""
    for meter in ("audio_output_seconds", "audio_input_seconds", "audio_seconds"):
        if usage.get(meter):
            return Decimal(usage[meter])
    spoken: Decimal = usage.get("input_characters", Decimal(0)) / CHARACTERS_PER_SECOND
    return spoken.quantize(Decimal("0.1"))
