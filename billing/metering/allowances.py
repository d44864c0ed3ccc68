"""Quantities a plan includes per period: counted beside the ledger and used before credits. No rollover."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from django.db import transaction

from billing.ledger.roundtrip import Statement
from billing.metering import hooks
from billing.metering.hooks import Terms
from billing.metering.models import Allowance

log = logging.getLogger(__name__)
R = TypeVar("R")

# With the ones that are used up: they tell that the period is open. The database's clock is a bound for what is read,
# nothing more: a machine whose own runs ahead must not miss what is open now.
_OPEN_SQL = (
    "SELECT id, meter, starts_at, ends_at, included - used FROM metering_allowance"
    " WHERE workspace_id = %s AND ends_at > LEAST(%s::timestamptz, clock_timestamp())"
)
_CONSUME_SQL = (
    "UPDATE metering_allowance SET used = used + taken.quantity"
    " FROM unnest(%s::bigint[], %s::numeric[]) taken(id, quantity) WHERE metering_allowance.id = taken.id"
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
_TRIES = 4


def with_what_is_due(workspace_id: int, record: Callable[[Due], R]) -> R:
    """`record(due)`; where it finds a period that nobody opened in time, open its allowances and do it again.

    They are opened without the wallet lock: whoever opens a period writes allowances first and then locks the wallet.
    What happened is recorded in any case: what cannot be opened is left out and told about.
    """
    for _ in range(_TRIES):
        try:
            return record(due_at)
        except NotOpened as missing:
            try:
                with transaction.atomic():
                    for terms in missing.terms:
                        terms_open(workspace_id, terms)
            except Exception:
                log.exception("allowances of workspace %s could not be opened", workspace_id)
                break
    return record(_nothing)


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
    id: int
    meter: str
    starts_at: datetime
    ends_at: datetime
    left: Decimal
    taken: Decimal = Decimal(0)


class Allowances:
    """What is included for a workspace while its wallet is locked: asked per event, taken from, written once."""

    def __init__(
        self,
        rows: Iterable[tuple[int, str, datetime, datetime, Decimal]],
        *,
        workspace_id: int,
        due: Due = due_at,
    ) -> None:
        self._workspace_id = workspace_id
        self._due = due
        self._open = [OpenAllowance(*row) for row in rows]
        self._open.sort(key=lambda allowance: (allowance.ends_at, allowance.id))  # what ends first is used first

    def left(self, at: datetime) -> dict[str, Decimal]:
        """Included quantity left per meter for what is booked at `at`. Raises NotOpened."""
        left: dict[str, Decimal] = {}
        covered = False
        for allowance in self._open:
            if allowance.starts_at <= at < allowance.ends_at:
                covered = True
                if allowance.left:
                    left[allowance.meter] = left.get(allowance.meter, Decimal(0)) + allowance.left
        if not covered and (terms := self._due(self._workspace_id, at)):
            raise NotOpened(at, terms)
        return left

    def take(self, meter: str, quantity: Decimal, at: datetime) -> None:
        """Use up `quantity`, which `left` said was there."""
        for allowance in self._open:
            if allowance.meter == meter and allowance.starts_at <= at < allowance.ends_at and quantity:
                part = min(allowance.left, quantity)
                allowance.left -= part
                allowance.taken += part
                quantity -= part
        if quantity:
            raise ValueError(f"{quantity} {meter} more than the allowance has")

    def taken(self) -> Mapping[int, Decimal]:
        """Per allowance row, what is to be written."""
        return {allowance.id: allowance.taken for allowance in self._open if allowance.taken}

    def writes(self) -> list[Statement]:
        """The statement that writes what was taken, if anything was."""
        taken = self.taken()
        if not taken:
            return []
        ids = sorted(taken)
        return [(_CONSUME_SQL, ([str(id_) for id_ in ids], [format(taken[id_], "f") for id_ in ids]))]
