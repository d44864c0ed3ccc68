"""Quantities a plan includes per period: counted beside the ledger and used before credits. No rollover.

A hold reserves what its request is expected to use of them, for as long as it is open.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.db import transaction

from billing.ledger.book import Book
from billing.ledger.roundtrip import Statement
from billing.metering import hooks
from billing.metering.hooks import Terms
from billing.metering.models import Allowance

log = logging.getLogger(__name__)
R = TypeVar("R")
Row = Sequence[Any]  # of `open_at`

# With the ones that are used up: they tell that the period is open. The database's clock is a bound for what is read,
# nothing more: a machine whose own runs ahead must not miss what is open now.
_OPEN_SQL = """
SELECT id, meter, starts_at, ends_at, included - used FROM metering_allowance
WHERE workspace_id = %s AND ends_at > LEAST(%s::timestamptz, clock_timestamp())
"""
# Asked only where something is left: there may be thousands of open holds, and each is looked at. Rows of holds that
# ended are never read.
_RESERVED_SQL = """
SELECT reserved.allowance_id, reserved.hold_id, reserved.quantity
FROM ledger_hold hold JOIN metering_allowancehold reserved ON reserved.hold_id = hold.operation_id
WHERE hold.workspace_id = %s AND hold.open_until > %s::timestamptz
"""
_CONSUME_SQL = (
    "UPDATE metering_allowance SET used = used + taken.quantity"
    " FROM unnest(%s::bigint[], %s::numeric[]) taken(id, quantity) WHERE metering_allowance.id = taken.id"
)
_RESERVE_SQL = (
    "INSERT INTO metering_allowancehold (hold_id, allowance_id, quantity)"
    " SELECT %s::bigint, reserved.* FROM unnest(%s::bigint[], %s::numeric[]) reserved(id, quantity)"
)


def allowance_open(
    *, workspace_id: int, meter: str, starts_at: datetime, ends_at: datetime, included: Decimal
) -> Allowance:
    """Open a period's allowance; opening it again changes nothing (its key is workspace, meter and start)."""
    allowance, _ = Allowance.objects.get_or_create(
        workspace_id=workspace_id,
        meter=meter,
        starts_at=starts_at,
        defaults={"ends_at": ends_at, "included": included},
    )
    return allowance


def open_at(workspace_id: int, earliest: datetime | None, *, now: datetime) -> Statement:
    """What was open for events from `earliest` on; ask it under the wallet lock, which guards it."""
    return _OPEN_SQL, (str(workspace_id), min(earliest or now, now))


class NotOpened(Exception):
    """No allowance covers the instant of an event, although something is included then."""

    def __init__(self, at: datetime, terms: Sequence[Terms]) -> None:
        super().__init__(f"what is included at {at} is not open")
        self.terms = terms


Due = Callable[[int, datetime], Sequence[Terms]]

# A call may have events in so many periods that were never opened; each costs one further try.
_TRIES, _MANY_TRIES = 4, 200


def with_what_is_due(workspace_id: int, record: Callable[[Due], R], *, can_wait: bool = False) -> R:
    """`record(due)`; where it finds a period that nobody opened in time, open its allowances and do it again.

    They are opened without the wallet lock: whoever opens a period writes allowances first and then locks the wallet.
    What happened is recorded in any case: what cannot be opened is left out and told about. What `can_wait` is not: it
    raises then, so that nobody pays for what is included.
    """
    for _ in range(_MANY_TRIES if can_wait else _TRIES):
        try:
            return record(due_at)
        except NotOpened as missing:
            try:
                with transaction.atomic():
                    for terms in missing.terms:
                        terms_open(workspace_id, terms)
            except Exception:
                if can_wait:
                    raise
                log.exception("allowances of workspace %s could not be opened", workspace_id)
                break
    return record(due_at if can_wait else _nothing)


def due_at(workspace_id: int, at: datetime) -> list[Terms]:
    """What the packages above include for `at`, opened already or not."""
    return [terms for ask in hooks.allowances_due for terms in ask(workspace_id, at)]


def _nothing(_workspace_id: int, _at: datetime) -> Sequence[Terms]:
    return ()


def terms_open(workspace_id: int, terms: Terms) -> Allowance:
    """Open the allowance that `terms` describe; again changes nothing."""
    return allowance_open(
        workspace_id=workspace_id,
        meter=terms.meter,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        included=terms.included,
    )


@dataclass(slots=True)
class OpenAllowance:
    """An allowance as an open book has it. `left` includes what `reserved` keeps for holds, by hold, once read."""

    id: int
    meter: str
    starts_at: datetime
    ends_at: datetime
    left: Decimal
    reserved: dict[int, Decimal] = field(default_factory=dict)
    taken: Decimal = Decimal(0)
    kept: Decimal = Decimal(0)  # for a hold that is being placed

    def free(self, own: int | None = None) -> Decimal:
        """What is left for whoever has the hold `own`."""
        if not self.reserved and not self.kept:
            return self.left
        others = sum((quantity for hold, quantity in self.reserved.items() if hold != own), self.kept)
        return max(self.left - others, Decimal(0))


class Allowances:
    """What is included for a workspace while its wallet is locked: asked per event, taken from, written once."""

    def __init__(self, rows: Iterable[Row], *, book: Book, due: Due = due_at) -> None:
        """`rows` are those of `open_at`. A hold whose time is over at the instant of the book reserves nothing."""
        self._book = book
        self._due = due
        self._nothing_due: datetime | None = None  # events without an instant of their own share one
        self._reserved_known = False
        self._ended: set[int] = set()
        self._open = [OpenAllowance(*row) for row in rows]
        self._open.sort(key=lambda allowance: (allowance.ends_at, allowance.id))  # what ends first is used first

    def left(self, at: datetime, own: int | None = None) -> dict[str, Decimal]:
        """Included quantity left per meter for what is booked at `at`, what the hold `own` reserved included. Raises
        NotOpened.
        """
        left: dict[str, Decimal] = {}
        covered = False
        for allowance in self._open:
            if allowance.starts_at <= at < allowance.ends_at:
                covered = True
                if allowance.left and not self._reserved_known:
                    self._read_reserved()
                if free := allowance.free(own):
                    left[allowance.meter] = left.get(allowance.meter, Decimal(0)) + free
        if not covered and at is not self._nothing_due:
            if terms := self._due(self._book.workspace_id, at):
                raise NotOpened(at, terms)
            self._nothing_due = at
        return left

    def take(self, meter: str, quantity: Decimal, at: datetime) -> None:
        """Use up `quantity`, which `left` said was there."""
        for allowance, part in self._parts(meter, quantity, at):
            allowance.left -= part
            allowance.taken += part

    def reserve(self, meter: str, quantity: Decimal, at: datetime) -> None:
        """Keep `quantity`, which `left` said was there, for the hold that is being placed; `reservation_writes`."""
        for allowance, part in self._parts(meter, quantity, at):
            allowance.kept += part

    def let_go(self, hold: int) -> None:
        """The hold ends: what it reserved is free."""
        self._ended.add(hold)
        for allowance in self._open:
            allowance.reserved.pop(hold, None)

    def taken(self) -> Mapping[int, Decimal]:
        """Per allowance row, what is to be written."""
        return {allowance.id: allowance.taken for allowance in self._open if allowance.taken}

    def writes(self) -> list[Statement]:
        """The statement that writes what was taken, if anything was."""
        taken = self.taken()
        return [(_CONSUME_SQL, _columns(taken))] if taken else []

    def reservation_writes(self, hold: int) -> list[Statement]:
        """The statement that writes what was reserved for the hold with this primary key, if anything was. It goes
        with the book that writes the hold (`book.also`).
        """
        kept = {allowance.id: allowance.kept for allowance in self._open if allowance.kept}
        return [(_RESERVE_SQL, (str(hold), *_columns(kept)))] if kept else []

    def _read_reserved(self) -> None:
        self._reserved_known = True
        by_id = {allowance.id: allowance for allowance in self._open}
        for pk, hold, quantity in self._book.ask(
            (_RESERVED_SQL, (str(self._book.workspace_id), self._book.now.isoformat()))
        ):
            if pk in by_id and hold not in self._ended:
                by_id[pk].reserved[hold] = quantity

    def _parts(self, meter: str, quantity: Decimal, at: datetime) -> Iterator[tuple[OpenAllowance, Decimal]]:
        for allowance in self._open:
            covers = allowance.meter == meter and allowance.starts_at <= at < allowance.ends_at
            if covers and (part := min(allowance.free(), quantity)):
                yield allowance, part
                quantity -= part
        if quantity:
            raise ValueError(f"{quantity} {meter} more than the allowance has")


def _columns(quantities: Mapping[int, Decimal]) -> tuple[list[str], list[str]]:
    """Ids, in order, and their quantities as text."""
    ids = sorted(quantities)
    return [str(id_) for id_ in ids], [format(quantities[id_], "f") for id_ in ids]
