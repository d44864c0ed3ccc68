"""One ledger entry in full: between which accounts, which lots, what it belongs to and what took it back."""

from dataclasses import dataclass

from django.db.models import Q

from accounts.models import Workspace
from billing.ledger.accounts import AVAILABLE, HELD, IN_LOTS, SPENT
from billing.ledger.models import Hold, Lot, LotTake, Transfer
from billing.ledger.selectors import transfers
from billing.metering.models import UsageEvent
from billing.overview.holds import hold_title
from billing.overview.statement import net_change
from billing.overview.words import kind_words

EVENTS = 50
TOGETHER = 50  # entries of one operation that are listed
SPAN = 2**62


@dataclass(frozen=True, kw_only=True)
class EntryPage:
    """`delta` (nano-credits) is what the entry added to what the workspace has. `events` are the requests it paid
    for, one more than are shown when there are further ones, or the request whose charge it took back.
    """

    transfer: Transfer
    title: str
    delta: int
    takes: tuple[LotTake, ...]
    lot: Lot | None  # that it brought in
    together: tuple[Transfer, ...]  # the whole operation, this entry among it
    events: tuple[UsageEvent, ...]
    hold: Hold | None  # that the operation placed or ended
    takes_back: Transfer | None
    taken_back_by: tuple[Transfer, ...]

    @property
    def takes_title(self) -> str:
        """What it did to the lots."""
        if self.transfer.credit == HELD:
            return "Put on hold in"
        if self.transfer.credit == AVAILABLE:
            return "Free again in" if self.transfer.debit in IN_LOTS else "Put back into"
        return "Taken from"

    @property
    def hold_title(self) -> str:
        return hold_title(self.hold.label) if self.hold else ""


def entry_page(workspace: Workspace, seq: int) -> EntryPage | None:
    """Entry `seq` of a workspace's ledger."""
    if seq >= SPAN:
        return None
    transfer = next(iter(transfers(workspace.pk, before_seq=seq + 1, limit=1)), None)
    if transfer is None or transfer.seq != seq:
        return None
    operation_id = transfer.operation_id
    ended = Q(resolution__operation_id=operation_id) | Q(pk=operation_id)
    together = Transfer.objects.filter(operation_id=operation_id).order_by("seq")[:TOGETHER]
    return EntryPage(
        transfer=transfer,
        title=kind_words(transfer.kind)[0],
        delta=net_change(transfer),
        takes=tuple(transfer.takes.all()),
        lot=Lot.objects.filter(workspace_id=workspace.pk, seq=seq).first(),
        together=tuple(together),
        events=_events(workspace, transfer),
        hold=Hold.objects.filter(ended, workspace_id=workspace.pk).first(),
        takes_back=transfer.reverses,
        taken_back_by=tuple(Transfer.objects.filter(workspace_id=workspace.pk, reverses=transfer).order_by("seq")),
    )


def _events(workspace: Workspace, transfer: Transfer) -> tuple[UsageEvent, ...]:
    found = UsageEvent.objects.filter(workspace_id=workspace.pk).select_related("project", "reversal")
    if transfer.credit == SPENT:
        return tuple(found.filter(operation_id=transfer.operation_id).order_by("offset", "pk")[: EVENTS + 1])
    if transfer.kind == "usage.reverse":
        return tuple(found.filter(reversal__operation_id=transfer.operation_id))
    return ()
