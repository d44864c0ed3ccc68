"""The burn order: which credits are used first. Pure, and written once.

Priority (0 unless staff change it), then what expires first (never last), then plan before promotion before bought,
then the oldest. Among lots of one kind that is oldest first. The index `lot_burn_order` and `store.BURN_ORDER`
say the same in SQL.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, TypeVar

SOURCES = ("plan", "promotion", "bought")
_RANK = {source: rank for rank, source in enumerate(SOURCES)}
_NEVER = datetime.max.replace(tzinfo=UTC)


class Burnable(Protocol):
    id: int
    source: str
    priority: int
    effective_at: datetime
    expires_at: datetime | None

    @property
    def free(self) -> int: ...


L = TypeVar("L", bound=Burnable)


class Take(NamedTuple):
    """`amount` nano-credits from a lot."""

    lot_id: int
    amount: int


def burn_key(lot: Burnable) -> tuple[int, datetime, int, datetime, int]:
    """Sort key of the burn order."""
    return lot.priority, lot.expires_at or _NEVER, _RANK[lot.source], lot.effective_at, lot.id


def in_burn_order(lots: Iterable[L]) -> list[L]:
    """`lots`, first used first."""
    return sorted(lots, key=burn_key)


def take(lots: Sequence[Burnable], amount: int) -> list[Take]:
    """Takes that cover `amount` from `lots`, which are in burn order; less when they do not hold so much."""
    takes: list[Take] = []
    for lot in lots:
        if amount <= 0:
            break
        if (part := min(lot.free, amount)) > 0:
            takes.append(Take(lot.id, part))
            amount -= part
    return takes


def first(takes: Sequence[Take], amount: int) -> list[Take]:
    """The beginning of `takes` that makes `amount`; all of them when they make less."""
    chosen: list[Take] = []
    for lot_id, part in takes:
        if amount <= 0:
            break
        chosen.append(Take(lot_id, min(part, amount)))
        amount -= part
    return chosen


def rest(takes: Sequence[Take], amount: int) -> list[Take]:
    """What is left of `takes` after `first(takes, amount)`."""
    left: list[Take] = []
    for lot_id, part in takes:
        used = min(part, amount)
        amount -= used
        if part > used:
            left.append(Take(lot_id, part - used))
    return left
