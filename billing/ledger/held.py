"""Reading holds, exact at their instant: one whose time is over has expired. Amounts are nano-credits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Prefetch, Q, QuerySet

from billing.credits import clock
from billing.ledger.models import Hold, HoldExtension, LotTake
from billing.ledger.records import hold_id

HoldStatus = Literal["open", "settled", "released", "expired"]
_STATUS: dict[str, HoldStatus] = {"settle": "settled", "release": "released", "expire": "expired"}


@dataclass(frozen=True, slots=True)
class Pinned:
    """`amount` of a lot that the hold set aside."""

    lot_id: int
    label: str
    source: str
    amount: int


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A hold as its owner reads it. `expires_at`: when it does, or would have. `operation_id` placed it."""

    id: int
    public_id: str
    origin: str
    label: str
    amount: int
    overdraft: int
    created_at: datetime
    expires_at: datetime
    status: HoldStatus
    resolved_at: datetime | None
    resolved_by: int | None  # operation
    pins: tuple[Pinned, ...]

    @property
    def is_open(self) -> bool:
        return self.status == "open"


def holds(workspace_id: int, now: datetime | None = None, *, limit: int | None = 200) -> list[HoldRow]:
    """The open holds, the one that expires first in front."""
    at = now or clock.now()
    found = Hold.objects.filter(workspace_id=workspace_id, open_until__gt=at).order_by("open_until", "pk")
    return _rows(found[:limit], at)


def recent_holds(
    workspace_id: int,
    now: datetime | None = None,
    *,
    status: HoldStatus | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[HoldRow]:
    """All holds, or those of one status, the latest first. For the next page pass the last `id` as `before`."""
    at = now or clock.now()
    found = Hold.objects.filter(workspace_id=workspace_id).order_by("-pk")
    if status == "open":
        found = found.filter(open_until__gt=at)
    elif status == "expired":
        found = found.filter(Q(resolution__kind="expire") | Q(open_until__lte=at))
    elif status is not None:
        found = found.filter(resolution__kind="settle" if status == "settled" else "release")
    if before is not None:
        found = found.filter(pk__lt=before)
    return _rows(found[:limit], at)


def hold(workspace_id: int, pk: int, now: datetime | None = None) -> HoldRow | None:
    """One hold of the workspace, or None."""
    rows = _rows(Hold.objects.filter(workspace_id=workspace_id, pk=pk), now or clock.now())
    return rows[0] if rows else None


def _rows(found: QuerySet[Hold], at: datetime) -> list[HoldRow]:
    rows = list(
        found.select_related("resolution").prefetch_related(
            Prefetch("extensions", HoldExtension.objects.order_by("pk"))
        )
    )
    pins = _pins(row.pk for row in rows)
    return [_row(row, tuple(pins.get(row.pk, ())), at) for row in rows]


def _pins(ids: Iterable[int]) -> dict[int, list[Pinned]]:
    takes = LotTake.objects.filter(transfer__operation_id__in=list(ids), transfer__kind="hold.place")
    pins: dict[int, list[Pinned]] = {}
    for take in takes.select_related("lot", "transfer").order_by("position"):
        pin = Pinned(take.lot_id, take.lot.label, take.lot.source, take.amount)
        pins.setdefault(take.transfer.operation_id, []).append(pin)
    return pins


def _row(hold: Hold, pins: tuple[Pinned, ...], at: datetime) -> HoldRow:
    resolution = getattr(hold, "resolution", None)
    extensions = list(hold.extensions.all())
    expires_at = extensions[-1].expires_at if extensions else hold.expires_at
    status: HoldStatus = _STATUS[resolution.kind] if resolution else ("expired" if expires_at <= at else "open")
    resolved_at = resolution.created_at if resolution else (None if status == "open" else expires_at)
    return HoldRow(
        id=hold.pk,
        public_id=hold_id(hold.pk),
        origin=hold.origin,
        label=hold.label,
        amount=hold.amount,
        overdraft=hold.overdraft,
        created_at=hold.created_at,
        expires_at=expires_at,
        status=status,
        resolved_at=expires_at if status == "expired" else resolved_at,
        resolved_by=resolution.operation_id if resolution else None,
        pins=pins,
    )
