"""Quantities a plan includes per period: counted beside the ledger and used before credits. No rollover."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from billing.foundation.site.models import SiteSettings
from billing.ledger.roundtrip import Statement
from billing.metering.models import Allowance

_OPEN_SQL = (
    "SELECT id, meter, starts_at, ends_at, included - used FROM metering_allowance"
    " WHERE workspace_id = %s AND ends_at > %s AND used < included"
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


def open_at(workspace_id: int, earliest: datetime | None, *, now: datetime, site: SiteSettings) -> Statement:
    """What can still be used by events from `earliest` to `now`; ask it under the wallet lock, which guards it."""
    window = now - timedelta(hours=site.late_after_hours)  # older events are booked now
    return _OPEN_SQL, (str(workspace_id), max(window, min(earliest or now, now)))


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

    def __init__(self, rows: Iterable[tuple[int, str, datetime, datetime, Decimal]]) -> None:
        self._open = [OpenAllowance(*row) for row in rows]
        self._open.sort(key=lambda allowance: (allowance.ends_at, allowance.id))  # what ends first is used first

    def left(self, at: datetime) -> dict[str, Decimal]:
        """Included quantity left per meter for what is booked at `at`."""
        left: dict[str, Decimal] = {}
        for allowance in self._open:
            if allowance.starts_at <= at < allowance.ends_at and allowance.left:
                left[allowance.meter] = left.get(allowance.meter, Decimal(0)) + allowance.left
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
