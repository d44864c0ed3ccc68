"""What someone is about to ask of a model: parsed, before anything is looked up."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from billing.credits.units import AmountOutOfRange, exact_nano
from billing.ledger.services import request_hash
from billing.metering.errors import EventRejected
from billing.metering.events import plain
from billing.metering.numbers import quantity
from billing.metering.validate import parse_usage, parse_variant, served, text
from billing.usage.errors import UsageRefused

FIELDS = frozenset({"model", "usage", "usage_format", "variant", "text", "max_output_tokens", "project", "task"})
HOLD_FIELDS = FIELDS | {"max_credits", "expires_in", "agent", "app"}
LONGEST_TEXT = 2_000_000  # code points
USUAL_LIFE, LONGEST_LIFE = 900, 86_400  # seconds that a hold lives


@dataclass(frozen=True)
class Wanted:
    """A request before it is made. `usage` is empty and `text` None where neither was given."""

    model: str
    usage: Mapping[str, Decimal] = field(default_factory=dict)
    variant: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    max_output_tokens: Decimal | None = None
    project: str = ""
    task: str = ""


@dataclass(frozen=True)
class HoldWanted:
    """A request for which credits are to be held. `max_nano`: how many, where the caller says so."""

    wanted: Wanted
    max_nano: int | None = None
    life: timedelta = timedelta(seconds=USUAL_LIFE)
    agent: str = ""
    app: str = ""


def parse_wanted(raw: object) -> Wanted:
    """The body of an estimate. Raises EventRejected with a JSON pointer."""
    body = json_object(raw, FIELDS)
    if (body.get("usage") is None) == (body.get("text") is None):
        raise EventRejected("invalid_request", "Give either usage or text.", "/usage")
    return _wanted(body)


def parse_hold_wanted(raw: object) -> HoldWanted:
    """The body of an authorisation: that of an estimate, which may also leave out what to expect.

    Raises EventRejected, and UsageRefused (amount_out_of_range) for more credits than a ledger holds.
    """
    body = json_object(raw, HOLD_FIELDS)
    if body.get("usage") is not None and body.get("text") is not None:
        raise EventRejected("invalid_request", "Give usage or text, not both.", "/usage")
    return HoldWanted(
        wanted=_wanted(body),
        max_nano=_max_nano(body.get("max_credits")),
        life=parse_life(USUAL_LIFE if body.get("expires_in") is None else body["expires_in"]),
        agent=text(body.get("agent"), "/agent", 120),
        app=text(body.get("app"), "/app", 120),
    )


def parse_life(value: object) -> timedelta:
    """`expires_in`: whole seconds, up to a day. Raises EventRejected."""
    seconds = quantity(value, "/expires_in")
    if seconds != seconds.to_integral_value() or not 1 <= seconds <= LONGEST_LIFE:
        detail = f"expires_in is a whole number of seconds from 1 to {LONGEST_LIFE:,}."
        raise EventRejected("invalid_request", detail, "/expires_in")
    return timedelta(seconds=int(seconds))


def json_object(raw: object, fields: Set[str]) -> Mapping[str, Any]:
    """`raw` if it is a JSON object with no fields but these. Raises EventRejected."""
    if not isinstance(raw, Mapping):
        raise EventRejected("invalid_request", "The body is a JSON object.")
    unknown = sorted(str(name) for name in raw.keys() - fields)
    if unknown:
        name = unknown[0][:60].encode("utf-8", "replace").decode()
        pointer = "/" + name.replace("~", "~0").replace("/", "~1")
        raise EventRejected("invalid_request", f"Unknown field “{name}”.", pointer)
    return raw


def _wanted(body: Mapping[str, Any]) -> Wanted:
    usage, words = body.get("usage"), body.get("text")
    most, variant, form = body.get("max_output_tokens"), body.get("variant"), body.get("usage_format")
    spoken = {} if variant is None else parse_variant(variant)
    return Wanted(
        model=text(body.get("model"), "/model", 200),
        usage={} if usage is None else parse_usage(usage, form),
        variant=spoken if usage is None else served(spoken, usage, form),
        text=None if words is None else text(words, "/text", LONGEST_TEXT),
        max_output_tokens=None if most is None else quantity(most, "/max_output_tokens"),
        project=text(body.get("project"), "/project", 120),
        task=text(body.get("task"), "/task", 120),
    )


def _max_nano(value: object) -> int | None:
    if value is None:
        return None
    try:
        nano = exact_nano(quantity(value, "/max_credits"))
    except AmountOutOfRange:
        raise UsageRefused("amount_out_of_range", "So many credits do not fit the ledger.", "/max_credits") from None
    if not nano:
        raise EventRejected("invalid_request", "max_credits must be more than 0.", "/max_credits")
    return nano


def fingerprint(asked: HoldWanted) -> bytes:
    """What tells the same request from another one, however it is spelled."""
    wanted = asked.wanted
    most = wanted.max_output_tokens
    return request_hash(
        {
            "model": wanted.model,
            "usage": {meter: plain(quantity) for meter, quantity in wanted.usage.items()},
            "variant": dict(wanted.variant),
            "text": wanted.text,
            "max_output_tokens": None if most is None else plain(most),
            "project": wanted.project,
            "task": wanted.task,
            "agent": asked.agent,
            "app": asked.app,
            "max_nano": asked.max_nano,
            "seconds": int(asked.life.total_seconds()),
        }
    )
