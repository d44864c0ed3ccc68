"""Reading the ledger. Amounts are nano-credits, and exact at their instant (`asof`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from django.db import connection
from django.db.models import Prefetch, Q, QuerySet, Sum

from billing.credits import clock
from billing.ledger import hooks
from billing.ledger.asof import as_of, lots_as_of, open_lots
from billing.ledger.burn import in_burn_order
from billing.ledger.held import HoldRow, hold, holds
from billing.ledger.models import OF_REQUESTS, Lot, LotTake, Operation, Transfer
from billing.ledger.records import LotState
from billing.ledger.state import State, balance_state, headroom
from billing.ledger.takenback import Refundable, refundable

__all__ = ["HoldRow", "Refundable", "hold", "holds", "refundable"]  # told from here, too

LotStatus = Literal["next", "active", "scheduled", "used", "expired"]
SHOWN_LOTS = 500


@dataclass(frozen=True, slots=True)
class Balance:
    """What a workspace has at `as_of`."""

    available: int
    held: int
    debt: int
    overdraft_limit: int
    overdraft_held: int
    state: State
    low_bound: int
    seq: int
    head: bytes
    granted_any: bool
    stopped_at: datetime | None
    debt_since: datetime | None
    as_of: datetime
    open_holds: int  # how many
    budget_revision: int  # tells whether budgets kept in memory are those of now

    @property
    def headroom(self) -> int:
        """What can still be authorised; negative beyond the overdraft."""
        return headroom(
            available=self.available,
            debt=self.debt,
            overdraft_limit=self.overdraft_limit,
            overdraft_held=self.overdraft_held,
        )

    @property
    def is_new(self) -> bool:
        """Never had credits: pages greet it instead of warning it."""
        return self.state == "stopped" and not self.granted_any


@dataclass(frozen=True, slots=True)
class LotRow:
    """A lot as its owner reads it."""

    id: int
    source: str
    label: str
    amount: int
    remaining: int
    held: int
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    granted_at: datetime
    status: LotStatus
    unit_price_usd: Decimal | None
    operation_id: int
    seq: int  # of the transfer that brought it in


@dataclass(frozen=True, slots=True)
class Expiring:
    """`amount` that will be gone at `at` unless it is used."""

    lot_id: int
    label: str
    source: str
    amount: int
    at: datetime


def balance(workspace_id: int, now: datetime | None = None) -> Balance:
    """The balance exactly at `now`. One query when nothing is due."""
    at = now or clock.now()
    found = as_of(workspace_id, at)
    wallet = found.wallet
    state = balance_state(
        available=found.available,
        held=found.held,
        debt=found.debt,
        overdraft_limit=wallet.overdraft_limit,
        overdraft_held=found.overdraft_held,
        low_bound=wallet.low_bound,
        granted_any=wallet.granted_any,
    )
    stopped = state == "stopped" and wallet.granted_any
    return Balance(
        available=found.available,
        held=found.held,
        debt=found.debt,
        overdraft_limit=wallet.overdraft_limit,
        overdraft_held=found.overdraft_held,
        state=state,
        low_bound=wallet.low_bound,
        seq=wallet.seq,
        head=bytes(wallet.digest),
        granted_any=wallet.granted_any,
        stopped_at=(wallet.stopped_at or at) if stopped else None,
        debt_since=wallet.debt_since if found.debt else None,
        as_of=at,
        open_holds=found.open_holds,
        budget_revision=wallet.budget_revision,
    )


def moved(workspace_id: int, kind: str, since: datetime, until: datetime) -> int:
    """Nano-credits that transfers of one kind moved, by their stamps from `since` up to before `until`. The kind is
    none of those that come with requests.
    """
    found = Transfer.objects.filter(~Q(kind__in=OF_REQUESTS), workspace_id=workspace_id, kind=kind)
    total = found.filter(created_at__gte=since, created_at__lt=until).aggregate(nano=Sum("amount"))
    return int(total["nano"] or 0)


def pending(workspace_id: int) -> int:
    """Nano-credits that are bought and not here yet, as far as the packages above say (`hooks.pending_sources`)."""
    return sum(ask(workspace_id) for ask in hooks.pending_sources)


def lots(workspace_id: int, now: datetime | None = None) -> list[LotRow]:
    """Every lot: usable ones in burn order (the first is "next"), then scheduled ones, then used and expired ones,
    latest first.
    """
    at = now or clock.now()
    found = list(Lot.objects.filter(workspace_id=workspace_id).order_by("-id")[:SHOWN_LOTS])
    usable, unposted = lots_as_of(workspace_id, at)
    known = {lot.pk for lot in found}
    found += Lot.objects.filter(workspace_id=workspace_id, pk__in=usable.keys() - known)
    gone = [lot.pk for lot in found if lot.pk not in usable]
    expired = _expiries(workspace_id).filter(lot__in=gone)
    expired_ids = {*expired.values_list("lot_id", flat=True), *unposted}
    by_id = {lot.pk: lot for lot in found}
    ordered = [_row(by_id[lot.id], lot, "active") for lot in in_burn_order(usable.values()) if not lot.scheduled]
    first = next((place for place, row in enumerate(ordered) if row.remaining > row.held), None)
    if first is not None:
        ordered[first] = replace(ordered[first], status="next")
    waiting = sorted((lot for lot in usable.values() if lot.scheduled), key=lambda lot: (lot.effective_at, lot.id))
    ordered += [_row(by_id[lot.id], lot, "scheduled") for lot in waiting]
    return ordered + [_row(by_id[pk], None, "expired" if pk in expired_ids else "used") for pk in gone]


def lot(workspace_id: int, lot_id: int, now: datetime | None = None) -> LotRow | None:
    """One lot."""
    at = now or clock.now()
    found = Lot.objects.filter(workspace_id=workspace_id, pk=lot_id).first()
    if found is None:
        return None
    usable, unposted = lots_as_of(workspace_id, at)
    state = usable.get(lot_id)
    if state is None:
        expired = lot_id in unposted or _expiries(workspace_id).filter(lot_id=lot_id).exists()
        return _row(found, None, "expired" if expired else "used")
    if state.scheduled:
        return _row(found, state, "scheduled")
    first = next((each.id for each in in_burn_order(usable.values()) if each.free), None)
    return _row(found, state, "next" if first == lot_id else "active")


_GRANTED_SQL = """
SELECT asked.id, coalesce(
    nullif(sum(l.amount) FILTER (WHERE l.source <> 'bought' AND l.effective_at >= asked.since), 0),
    sum(l.amount) FILTER (WHERE l.remaining > 0), 0
)::bigint
FROM unnest(%s::bigint[], %s::timestamptz[]) asked(id, since)
LEFT JOIN ledger_lot l ON l.workspace_id = asked.id AND l.effective_at <= %s
GROUP BY asked.id
"""


def granted_since(since: Mapping[int, datetime], now: datetime) -> dict[int, int]:
    """What workspaces were granted from their instant in `since` on, bought credits left out; where that is nothing,
    what their open lots had at first.
    """
    with connection.cursor() as cursor:
        cursor.execute(_GRANTED_SQL, [list(since), list(since.values()), now])
        return dict(cursor.fetchall())


def _expiries(workspace_id: int) -> QuerySet[LotTake]:
    """What expired of lots: a few rows per lot, found by the index of these transfers alone."""
    return LotTake.objects.filter(transfer__workspace_id=workspace_id, transfer__kind="lot.expire")


def _row(lot: Lot, state: LotState | None, status: LotStatus) -> LotRow:
    """`lot` as it is in `state`; None for one with nothing left."""
    return LotRow(
        id=lot.pk,
        source=lot.source,
        label=lot.label,
        amount=lot.amount,
        remaining=state.remaining if state else 0,
        held=state.held if state else 0,
        priority=lot.priority,
        effective_at=lot.effective_at,
        expires_at=lot.expires_at,
        granted_at=lot.created_at,
        status=status,
        unit_price_usd=lot.unit_price_usd,
        operation_id=lot.operation_id,
        seq=lot.seq,
    )


def expiring(workspace_id: int, within: timedelta, now: datetime | None = None) -> list[Expiring]:
    """What will expire in the next `within`, soonest first. What a hold pins is not among it."""
    at = now or clock.now()
    ending = [
        (lot.expires_at, lot.id, lot.free)
        for lot in open_lots(workspace_id, at)
        if lot.free and lot.expires_at is not None and lot.expires_at <= at + within
    ]
    rows = Lot.objects.in_bulk([lot_id for _, lot_id, _ in ending])
    return [
        Expiring(lot_id, rows[lot_id].label, rows[lot_id].source, free, expires_at)
        for expires_at, lot_id, free in sorted(ending)
    ]


def transfers(
    workspace_id: int,
    *,
    before_seq: int | None = None,
    limit: int = 50,
    kinds: Iterable[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Transfer]:
    """The latest transfers, newest first, with their operation and takes (each with its lot).

    For the next page pass the last `seq` as `before_seq`.
    """
    found = Transfer.objects.filter(workspace_id=workspace_id)
    if before_seq is not None:
        found = found.filter(seq__lt=before_seq)
    if kinds is not None:
        found = found.filter(kind__in=list(kinds))
    if since is not None:
        found = found.filter(created_at__gte=since)
    if until is not None:
        found = found.filter(created_at__lt=until)
    takes = Prefetch("takes", LotTake.objects.select_related("lot").order_by("position"))
    return found.select_related("operation").prefetch_related(takes).order_by("-seq")[:limit]


def operation_takes(operation_id: int) -> list[LotTake]:
    """Everything an operation took from lots, in order: the lots that paid for an event are the overlap of its
    offset with these.
    """
    takes = LotTake.objects.filter(transfer__operation_id=operation_id).select_related("lot", "transfer")
    return list(takes.order_by("transfer__seq", "position"))


def operation_heads(operation_ids: Iterable[int]) -> dict[int, Transfer]:
    """The last transfer of each operation: its `seq` and `digest` are what a receipt prints as the chain head."""
    found = Transfer.objects.filter(operation_id__in=list(operation_ids)).order_by("operation_id", "seq")
    return {transfer.operation_id: transfer for transfer in found}


def has_entries() -> bool:
    """Whether anything was ever posted: from then on the face value of a credit is fixed."""
    return Transfer.objects.exists()


def operation(workspace_id: int, namespace: str, key: str) -> Operation | None:
    """The operation with this key, if it was done."""
    return Operation.objects.filter(workspace_id=workspace_id, namespace=namespace, key=key).first()
