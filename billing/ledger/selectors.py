"""Reading the ledger. Amounts are nano-credits, and exact at their instant.

A page must not show credits that expired a second ago only because no job has posted it yet, and posting is not a
reader's business: so reads look at the lots and say what a book opened now would find.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db.models import F, Prefetch, QuerySet

from billing.credits import clock
from billing.ledger.burn import in_burn_order
from billing.ledger.chain import GENESIS
from billing.ledger.models import Lot, LotTake, Operation, Transfer, Wallet
from billing.ledger.records import LotState
from billing.ledger.state import State, balance_state

LotStatus = Literal["next", "active", "scheduled", "used", "expired"]
SHOWN_LOTS = 500


@dataclass(frozen=True, slots=True)
class Balance:
    """What a workspace has at `as_of`. `pending` is bought and not paid for yet."""

    available: int
    held: int
    debt: int
    pending: int
    overdraft_limit: int
    state: State
    low_bound: int
    seq: int
    head: bytes
    granted_any: bool
    stopped_at: datetime | None
    debt_since: datetime | None
    as_of: datetime

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
    as_of = now or clock.now()
    wallet, due_lots = _wallet_and_due_lots(workspace_id, as_of)
    available, debt = _with_due_posted(wallet, due_lots, as_of)
    state = balance_state(
        available=available,
        held=wallet.held,
        debt=debt,
        overdraft_limit=wallet.overdraft_limit,
        overdraft_held=wallet.overdraft_held,
        low_bound=wallet.low_bound,
        granted_any=wallet.granted_any,
    )
    stopped = state == "stopped" and wallet.granted_any
    return Balance(
        available=available,
        held=wallet.held,
        debt=debt,
        pending=0,
        overdraft_limit=wallet.overdraft_limit,
        state=state,
        low_bound=wallet.low_bound,
        seq=wallet.seq,
        head=bytes(wallet.digest),
        granted_any=wallet.granted_any,
        stopped_at=(wallet.stopped_at or as_of) if stopped else None,
        debt_since=wallet.debt_since if debt else None,
        as_of=as_of,
    )


def _wallet_and_due_lots(workspace_id: int, as_of: datetime) -> tuple[Wallet, list[LotState]]:
    """The wallet, and its open lots when any of them is due; both of one moment."""
    while True:
        wallet = Wallet.objects.filter(pk=workspace_id).first()
        if wallet is None:
            return Wallet(workspace_id=workspace_id, digest=GENESIS), []
        if wallet.next_due_at is None or wallet.next_due_at > as_of:
            return wallet, []
        lots = _open_lots(workspace_id)
        # Something was posted between the two statements: read again. What is due is posted by then.
        if Wallet.objects.filter(pk=workspace_id, seq=wallet.seq).exists():
            return wallet, lots


def _with_due_posted(wallet: Wallet, lots: list[LotState], as_of: datetime) -> tuple[int, int]:
    """(available, debt) as if the due starts and expiries had been posted, in the order of their instants."""
    available, debt = wallet.available, wallet.debt
    while due := min(
        (lot for lot in lots if lot.due_at is not None and lot.due_at <= as_of),
        key=lambda lot: (lot.due_at, lot.id),
        default=None,
    ):
        if due.scheduled:
            repaid = min(debt, due.remaining)
            due.scheduled = False
            due.remaining -= repaid
            debt -= repaid
            available += due.remaining
        else:
            available -= due.free
            due.remaining = due.held
    return available, debt


def _open_lots(workspace_id: int) -> list[LotState]:
    rows = Lot.objects.filter(workspace_id=workspace_id, open=True).values_list(
        "id", "source", "amount", "remaining", "held", "priority", "effective_at", "expires_at", "scheduled"
    )
    return [LotState(*row) for row in rows]


def lots(workspace_id: int, now: datetime | None = None) -> list[LotRow]:
    """Every lot: usable ones in burn order (the first is "next"), then scheduled ones, then used and expired ones,
    latest first.
    """
    as_of = now or clock.now()
    found = list(Lot.objects.filter(workspace_id=workspace_id).order_by("-id")[:SHOWN_LOTS])
    known = {lot.pk for lot in found}
    found += [lot for lot in Lot.objects.filter(workspace_id=workspace_id, open=True) if lot.pk not in known]
    expired = LotTake.objects.filter(lot__in=found, lot__open=False, transfer__kind="lot.expire")
    posted = set(expired.values_list("lot_id", flat=True))
    status = {lot.pk: _status(lot, as_of, lot.pk in posted) for lot in found}
    by_id = {lot.pk: lot for lot in found}
    usable = [state for state in map(_state, found) if status[state.id] == "active"]
    ordered = [by_id[state.id] for state in in_burn_order(usable)]
    ordered += sorted((lot for lot in found if status[lot.pk] == "scheduled"), key=lambda lot: lot.effective_at)
    ordered += [lot for lot in found if status[lot.pk] in ("used", "expired")]
    first = next((lot.pk for lot in ordered if status[lot.pk] == "active" and lot.remaining > lot.held), None)
    return [_row(lot, "next" if lot.pk == first else status[lot.pk], as_of) for lot in ordered]


def _state(lot: Lot) -> LotState:
    return LotState(
        lot.pk,
        lot.source,
        lot.amount,
        lot.remaining,
        lot.held,
        lot.priority,
        lot.effective_at,
        lot.expires_at,
        scheduled=False,
    )


def _status(lot: Lot, as_of: datetime, expiry_posted: bool) -> LotStatus:
    expired = lot.expires_at is not None and lot.expires_at <= as_of
    if lot.remaining and not expired:
        return "scheduled" if lot.effective_at > as_of else "active"
    if lot.held:
        return "active"  # expired, but a hold still pins a part of it
    return "expired" if lot.remaining or expiry_posted else "used"


def _row(lot: Lot, status: LotStatus, as_of: datetime) -> LotRow:
    expired = lot.expires_at is not None and lot.expires_at <= as_of
    return LotRow(
        id=lot.pk,
        source=lot.source,
        label=lot.label,
        amount=lot.amount,
        remaining=lot.held if expired else lot.remaining,
        held=lot.held,
        priority=lot.priority,
        effective_at=lot.effective_at,
        expires_at=lot.expires_at,
        granted_at=lot.created_at,
        status=status,
    )


def expiring(workspace_id: int, within: timedelta, now: datetime | None = None) -> list[Expiring]:
    """What will expire in the next `within`, soonest first."""
    as_of = now or clock.now()
    found = Lot.objects.filter(
        workspace_id=workspace_id,
        open=True,
        effective_at__lte=as_of,
        expires_at__gt=as_of,
        expires_at__lte=as_of + within,
        remaining__gt=F("held"),
    ).order_by("expires_at", "id")
    return [
        Expiring(lot.pk, lot.label, lot.source, lot.remaining - lot.held, lot.expires_at)
        for lot in found
        if lot.expires_at is not None
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
