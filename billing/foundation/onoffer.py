"""What is sold for a time: from a start, which belongs to it, until an end, which does not."""

from datetime import datetime
from typing import NamedTuple


class OfferState(NamedTuple):
    """`kind` is on, waiting, ending, over or off; `text` says it to staff, in UTC."""

    kind: str
    text: str


def on_offer(starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> bool:
    return (starts_at is None or starts_at <= now) and (ends_at is None or now < ends_at)


def offer_state(active: bool, starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> OfferState:
    if not active:
        return OfferState("off", "off")
    if ends_at is not None and ends_at <= now:
        return OfferState("over", f"over since {ends_at:%-d %b %Y}")
    if starts_at is not None and starts_at > now:
        return OfferState("waiting", f"from {starts_at:%-d %b %Y, %H:%M}")
    if ends_at is not None:
        return OfferState("ending", f"until {ends_at:%-d %b %Y, %H:%M}")
    return OfferState("on", "yes")
