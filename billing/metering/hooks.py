"""What the packages above tell metering; they fill the lists in `apps.ready`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.ledger.book import Book
from billing.ledger.roundtrip import Statement
from billing.metering.events import Source


@dataclass(frozen=True, slots=True)
class Terms:
    """A quantity of a meter that is included from `starts_at` until `ends_at`."""

    meter: str
    starts_at: datetime
    ends_at: datetime
    included: Decimal


# What is included for a workspace at an instant. Asked when no open allowance covers it, under the wallet lock: whoever
# answers must not write, and should remember the answer, for a workspace without allowances asks with every event.
allowances_due: list[Callable[[int, datetime], Sequence[Terms]]] = []


@dataclass(frozen=True, slots=True)
class Spend:
    """What one event was charged, in nano-credits; negative: what was given back of it."""

    project_id: int | None
    occurred_at: datetime
    booked_at: datetime
    amount: int


# Credits were spent, or given back, in a book that is still open: what is to be written with it. Asked with every
# request: whoever has nothing to count should say so without asking the database.
spend_counters: list[Callable[[Book, Source, Sequence[Spend]], Iterable[Statement]]] = []
