"""What is reported, and its fingerprint. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple

import simplejson

from billing.ledger.records import hold_id
from billing.metering.origins import key_class

NOTHING: Mapping[str, Any] = MappingProxyType({})


class EventInput(NamedTuple):
    """One completed request. Quantities are finite, 0 to 10^12, at most 9 decimals (see validate.py)."""

    event_id: str
    model: str
    usage: Mapping[str, Decimal]
    variant: Mapping[str, str] = NOTHING
    occurred_at: datetime | None = None  # None: when it is recorded
    project: str = ""
    agent: str = ""
    app: str = ""
    task: str = ""
    end_user: str = ""
    metadata: Mapping[str, Any] = NOTHING
    hold: int | None = None  # primary key of the hold that it settles


@dataclass(frozen=True, slots=True)
class Source:
    """Who reports. Event ids are unique per workspace and origin: "workspace", "service", or a source of CloudEvents
    (origins.py). A hold is settled by the class of key that placed it.
    """

    origin: str
    api_key_id: int | None = None
    project_id: int | None = None  # the key's own project wins over the event's
    member_id: int | None = None  # the person who made a workspace's key
    # Of one that was looked up earlier: a statement that has a row as long as it is still so (reporters.py).
    unchanged: tuple[str, Sequence[str]] | None = field(default=None, compare=False)

    @property
    def by_customer(self) -> bool:
        """Whether a key of the workspace reports, and not the operator's backend."""
        return self.key_class == "workspace"

    @property
    def key_class(self) -> str:
        return key_class(self.origin)


def plain(quantity: Decimal) -> str:
    """The one spelling of a number: no exponent, no trailing zeros."""
    text = str(quantity)
    if text.isdigit():
        return text
    text = format(quantity, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text


def metadata_json(metadata: Mapping[str, Any]) -> str:
    """Metadata as JSON text; numbers stay exact."""
    return simplejson.dumps(metadata, use_decimal=True, sort_keys=True) if metadata else "{}"


def request_hash(event: EventInput) -> bytes:
    """Fingerprint of what was said, not of how: key order, 1.0 or "1" and time zones make no difference.

    Fields are joined by NUL, which no text of an event may contain.
    """
    parts = [
        event.event_id,
        event.model,
        "" if (at := event.occurred_at) is None else (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat(),
        event.project,
        event.agent,
        event.app,
        event.task,
        event.end_user,
        str(len(event.usage)),
    ]
    for meter in sorted(event.usage):
        parts += (meter, plain(event.usage[meter]))
    if event.variant or event.metadata:
        parts.append(str(len(event.variant)))  # where the variant ends, so that it never reads as metadata
    for name in sorted(event.variant):
        parts += (name, event.variant[name])
    if event.metadata:
        parts.append(metadata_json(event.metadata))
    if event.hold is not None:  # like no number of variants and no JSON object, which could stand in its place
        parts.append(hold_id(event.hold))
    return sha256("\0".join(parts).encode()).digest()
