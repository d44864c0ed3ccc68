"""What was recorded, as far as another price for it depends on it. Pure."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


class PastEvent(NamedTuple):
    """One event. Its quantities and variant stay the JSON texts that the row has, so that those alike are equal."""

    day: int  # in which of the days that were asked for it counts; below 0: before them
    month: int  # and in which calendar month (UTC)
    at: datetime  # the instant whose prices count
    provider: str
    model: str
    usage: str  # JSON: meter -> quantity as decimal string
    variant: str  # JSON
    lines: str  # JSON of those it was charged by, if some of it was included or counts towards steps; else empty
    amount: int  # nano-credits that it was charged
    waits: bool  # for a price: it was not charged
    archived: bool  # its variant is in a file
    chosen: bool  # one of those that were asked for, and not just beside them
    reversed: bool  # its charge was taken back


class WorkTotal(NamedTuple):
    """What a meter of a model came to for a task and an agent. `quantity` is as reported: wholes contain parts."""

    provider: str
    model: str
    task: str
    agent: str
    meter: str
    quantity: Decimal
    nano: int
    requests: int  # an event counts at its first meter

    @property
    def ref(self) -> str:
        return f"{self.provider}/{self.model}" if self.provider else self.model
