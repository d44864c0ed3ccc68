"""Taking the charge of an event back: what it cost returns to the lots that paid, debt it made is cancelled.

Nothing that was recorded is changed: the event stays as it was, with a reversal beside it.
"""

from dataclasses import dataclass
from datetime import datetime

from billing.ledger.book import Book, open_book
from billing.ledger.errors import NotReversible
from billing.ledger.records import OperationDraft, WalletState
from billing.ledger.services import cut, request_hash
from billing.metering.counters import give_back_counts
from billing.metering.counting import counted_spends, source_of
from billing.metering.hooks import Spend
from billing.metering.keys import NAMESPACE, reversal_key
from billing.metering.models import EventReversal, UsageEvent
from billing.metering.uncount import give_back, uncount


@dataclass(frozen=True, slots=True)
class Reversed:
    """Nano-credits: of `amount`, `returned` went back to lots (what repaid other debt or expired at once included) and
    `cancelled` was debt. Nothing was charged, and `operation_id` is None, where an allowance had covered the event.
    """

    event_id: str
    amount: int
    returned: int
    cancelled: int
    operation_id: int | None
    balance: WalletState
    replay: bool


def usage_reverse(*, workspace_id: int, pk: int, reason: str, actor: str, now: datetime | None = None) -> Reversed:
    """Take back the charge of one event, and what it used of allowances. Once: again returns the first result, with
    `replay` set. Its hour's totals are lowered; that the request was made, and what it used, still counts.

    Raises NotReversible for an event that the workspace does not have, or that cost nothing.
    """
    event = UsageEvent.objects.filter(workspace_id=workspace_id, pk=pk).first()
    if event is None:
        raise NotReversible("There is no such event.")
    included = any(line["from_allowance"] != "0" for line in event.lines)
    if not event.amount and not included:
        raise NotReversible("This event cost nothing and used nothing that is included: there is nothing to give back.")
    with open_book(workspace_id, now=now) as book:
        reversal = EventReversal.objects.filter(pk=pk).first()
        if reversal is not None:
            return _told(event, reversal, book.state, replay=True)
        reversal = _reversed(book, event, cut(reason, 500), cut(actor, 200))
        reversal.save(force_insert=True)
        uncount(event)
        _give_back_spend(book, event)
        if included:
            give_back(event)
        give_back_counts(event)
        return _told(event, reversal, book.state, replay=False)


def operation_usage_reverse(
    *, workspace_id: int, operation_id: int, reason: str, actor: str, now: datetime | None = None
) -> list[Reversed]:
    """The same for every event that an operation charged, as a whole batch: one after the other, so that doing it
    again finishes what was interrupted. Raises NotReversible for an operation that charged no usage.
    """
    charged = UsageEvent.objects.filter(workspace_id=workspace_id, operation_id=operation_id)
    found = list(charged.order_by("-offset", "-pk").values_list("pk", flat=True))
    if not found:
        raise NotReversible("This operation charged no usage.")
    return [usage_reverse(workspace_id=workspace_id, pk=pk, reason=reason, actor=actor, now=now) for pk in found]


def _reversed(book: Book, event: UsageEvent, reason: str, actor: str) -> EventReversal:
    reversal = EventReversal(
        event=event, workspace_id=book.workspace_id, amount=0, cancelled=0, actor=actor, reason=reason
    )
    if event.operation_id is not None:
        operation = OperationDraft(
            NAMESPACE,
            reversal_key(event.pk),
            request_hash({"reverse": event.pk}),
            "usage.reverse",
            actor=actor,
            reason=reason,
            reverses_id=event.operation_id,
        )
        back = book.reverse(
            operation=operation,
            kind="usage.reverse",
            operation_id=event.operation_id,
            start=event.offset,
            amount=event.amount,
        )
        reversal.operation_id = operation.id
        reversal.amount, reversal.cancelled = event.amount, back.cancelled
    reversal.created_at = book.now
    return reversal


def _give_back_spend(book: Book, event: UsageEvent) -> None:
    spend = Spend(event.project_id, event.occurred_at, event.booked_at, -event.amount)
    for statement in counted_spends(book, source_of(event), [spend] if event.amount else []):
        book.also(*statement)


def _told(event: UsageEvent, reversal: EventReversal, state: WalletState, *, replay: bool) -> Reversed:
    return Reversed(
        event_id=event.event_id,
        amount=reversal.amount,
        returned=reversal.returned,
        cancelled=reversal.cancelled,
        operation_id=reversal.operation_id,
        balance=state,
        replay=replay,
    )
