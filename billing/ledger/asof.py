"""A wallet as a book opened at an instant would find it.

A page must not show credits that expired a second ago, or credits still held by a hold whose time is over, only because
nothing has posted that yet; and posting is not a reader's business. So readers work out what would be posted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from billing.ledger import burn, store
from billing.ledger.chain import GENESIS
from billing.ledger.due import DueQueue
from billing.ledger.models import Wallet
from billing.ledger.records import HoldState, LotState
from billing.ledger.roundtrip import Statement


@dataclass
class AsOf:
    """The numbers of `wallet` at an instant. `lots`: the open ones as they are then, and `holds` that were due, empty
    when nothing was, because then the stored rows say it. `moved`: what was due, as (kind of transfer, lot, amount).
    """

    wallet: Wallet
    available: int
    held: int
    debt: int
    overdraft_held: int
    open_holds: int
    lots: dict[int, LotState]
    holds: dict[int, HoldState]
    due: bool
    moved: list[tuple[str, LotState, int]] = field(default_factory=list)

    def post_due(self, now: datetime) -> None:
        """What `LotBook.post_due` would post, on the numbers alone."""
        queue = DueQueue(self.lots.values(), self.holds.values(), now)
        for due in queue:
            if isinstance(due, HoldState):
                self._expire_hold(due)
                queue.look_at(self.lots[pin.lot_id] for pin in due.pins)
            elif due.scheduled:
                due.scheduled = False
                self.available += due.remaining
                self.moved.append(("lot.start", due, due.remaining))
                self._repay()
                queue.look_at([due])
            else:
                self._expire(due)

    def _expire_hold(self, hold: HoldState) -> None:
        at, hold.open_until, hold.resolution = hold.open_until, None, "expire"
        for lot_id, part in hold.pins:
            self.lots[lot_id].held -= part
            self.moved.append(("hold.expire", self.lots[lot_id], part))
        self.open_holds -= 1
        self.available += hold.covered
        self.held -= hold.covered
        self.overdraft_held -= hold.overdraft
        self._repay()
        for lot in (self.lots[pin.lot_id] for pin in hold.pins):
            if lot.expires_at is not None and at is not None and lot.expires_at <= at:
                self._expire(lot)

    def _expire(self, lot: LotState) -> None:
        if lot.free:
            self.moved.append(("lot.expire", lot, lot.free))
        self.available -= lot.free
        lot.remaining = lot.held

    def _repay(self) -> None:
        repaid = min(self.debt, self.available)
        for lot_id, part in burn.take(burn.in_burn_order(self.lots.values()), repaid):
            self.lots[lot_id].remaining -= part
            self.moved.append(("debt.repay", self.lots[lot_id], part))
        self.debt -= repaid
        self.available -= repaid


def as_of(workspace_id: int, now: datetime) -> AsOf:
    """The wallet of a workspace at `now`. One query when nothing is due."""
    while True:
        wallet = Wallet.objects.filter(pk=workspace_id).first() or Wallet(workspace_id=workspace_id, digest=GENESIS)
        if wallet.next_due_at is None or wallet.next_due_at > now:
            return _of(wallet, (), (), due=False)
        lots = [store.lot_state(row) for row in _rows(store.all_lots(workspace_id))]
        holds = [store.hold_state(row) for row in _rows(store.due_holds(workspace_id, now))]
        # Something may have been posted between the statements: read again then. What is due is posted by then.
        if Wallet.objects.filter(pk=workspace_id, seq=wallet.seq, last_at=wallet.last_at).exists():
            found = _of(wallet, lots, holds, due=True)
            found.post_due(now)
            return found


def open_lots(workspace_id: int, now: datetime) -> list[LotState]:
    """The open lots as they are at `now`, in no order."""
    return list(lots_as_of(workspace_id, now)[0].values())


def lots_as_of(workspace_id: int, now: datetime) -> tuple[dict[int, LotState], set[int]]:
    """The open lots as they are at `now`, by id; and those of which something expired and nothing has posted that."""
    found = as_of(workspace_id, now)
    if found.due:
        expired = {lot.id for kind, lot, _ in found.moved if kind == "lot.expire"}
        return {lot.id: lot for lot in found.lots.values() if lot.remaining}, expired
    return {lot.id: lot for lot in map(store.lot_state, _rows(store.all_lots(workspace_id)))}, set()


def _of(wallet: Wallet, lots: Iterable[LotState], holds: Iterable[HoldState], *, due: bool) -> AsOf:
    return AsOf(
        wallet=wallet,
        available=wallet.available,
        held=wallet.held,
        debt=wallet.debt,
        overdraft_held=wallet.overdraft_held,
        open_holds=wallet.open_holds,
        lots={lot.id: lot for lot in lots},
        holds={hold.id: hold for hold in holds},
        due=due,
    )


def _rows(statement: Statement) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        rows: list[tuple[object, ...]] = cursor.fetchall()
    return rows
