"""Reading holds, exact at their instant: one whose time is over has expired. Amounts are nano-credits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Prefetch, QuerySet

from billing.credits import clock
from billing.ledger.models import Hold, HoldExtension, HoldResolution, LotTake
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
    of_workspace = Hold.objects.filter(workspace_id=workspace_id)
    found = of_workspace if before is None else of_workspace.filter(pk__lt=before)
    found = found.order_by("-pk")
    if status == "open":
        found = found.filter(open_until__gt=at)
    elif status == "settled":
        found = found.filter(resolution__kind="settle")
    elif status is not None:
        ids = _ended(workspace_id, "release" if status == "released" else "expire", before)[:limit]
        ended = list(ids)
        if status == "expired":  # those that nobody has posted yet, too
            ended += found.filter(open_until__lte=at).values_list("pk", flat=True)[:limit]
        found = of_workspace.filter(pk__in=sorted(ended, reverse=True)[:limit]).order_by("-pk")
    return _rows(found[:limit], at)


def _ended(workspace_id: int, kind: str, before: int | None) -> QuerySet[HoldResolution, int]:
    """Holds that were released, or expired: along an index of these alone, the latest first."""
    found = HoldResolution.objects.filter(workspace_id=workspace_id, kind=kind)
    if before is not None:
        found = found.filter(hold_id__lt=before)
    return found.order_by("-hold").values_list("hold_id", flat=True)


def open_count(workspace_id: int, origins: Iterable[str], now: datetime | None = None) -> int:
    """How many holds of these origins are open at `now`."""
    at = now or clock.now()
    return Hold.objects.filter(workspace_id=workspace_id, open_until__gt=at, origin__in=list(origins)).count()


def hold(workspace_id: int, pk: int, now: datetime | None = None) -> HoldRow | None:
    """One hold of the workspace, or None."""
    rows = _rows(Hold.objects.filter(workspace_id=workspace_id, pk=pk), now or clock.now())
    return rows[0] if rows else None


def _rows(found: QuerySet[Hold], at: datetime) -> list[HoldRow]:
    rows = list(
        found.defer("request")
        .select_related("resolution")
        .prefetch_related(Prefetch("extensions", HoldExtension.objects.order_by("pk")))
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
