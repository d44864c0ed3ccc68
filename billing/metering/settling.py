"""Events that name the hold they were authorised by, and how an event is charged."""

from collections.abc import Container
from time import monotonic

from billing.ledger.book import Book
from billing.ledger.left import Left
from billing.ledger.models import HoldResolution
from billing.ledger.records import HoldState, OperationDraft
from billing.metering.errors import hold_resolved, no_such_hold
from billing.metering.events import EventInput, Source
from billing.metering.keys import NAMESPACE, items_digest, operation_key
from billing.metering.known import Known
from billing.metering.models import UsageEvent
from billing.metering.rated import RatedEvent

# Holds that this process placed. Nothing of one changes but when it ends and that it is over, and most settlements
# reach the process that placed it.
_placed: Known[tuple[int, int], HoldState] = Known(10_000)

# The wallets as their latest authorisations left them, with the hold: what an earlier one left is so no more.
_left: Known[int, tuple[int, Left]] = Known(2_000)
# Until when, of the monotonic clock, nothing is taken from there: others are at the same wallet all the time.
_busy_until: Known[int, float] = Known(10_000)
BUSY = 5  # seconds

# What the reporter is told of the hold: it paid, or it had expired, so that the balance was charged.
STATUS: dict[str, str] = {"settle": "settled", "expire": "expired"}


def keep_placed(workspace_id: int, hold: HoldState, left: Left | None = None) -> None:
    """Keep a hold that was placed, and is committed, for its settlement; with it the wallet as it was left then, if
    nothing was included for the workspace.
    """
    _placed.keep({(workspace_id, hold.id): hold})
    if left is not None:
        _left.keep({workspace_id: (hold.id, left)})


def take_placed(workspace_id: int, hold: int | None) -> HoldState | None:
    """The hold as it was placed, if it was here: for `open_book(remembered=…)`, which may change it, so once."""
    return None if hold is None else _placed.take((workspace_id, hold))


def take_left(workspace_id: int, hold: int | None) -> Left | None:
    """The wallet as the authorisation of this hold left it, once, unless somebody here authorised since."""
    if hold is None or not is_quiet(workspace_id) or (found := _left.take(workspace_id)) is None:
        return None
    return found[1] if found[0] == hold else None


def was_busy(workspace_id: int) -> None:
    """What was left of the wallet could not be resumed. For a while that is not tried again."""
    _busy_until.keep({workspace_id: monotonic() + BUSY})


def is_quiet(workspace_id: int) -> bool:
    """Whether it is worth trying to leave the wallet for its next settlement."""
    until = _busy_until.get(workspace_id)
    return until is None or monotonic() > until


def hold_named(book: Book, source: Source, event: EventInput, used: Container[int] = ()) -> HoldState | None:
    """The hold that `event` names: open, or expired and never reported for. None when it names none.

    `used` are those of other events in the same call. Raises EventRejected: not_found, hold_resolved.
    """
    if event.hold is None:
        return None
    hold = book.hold_of(event.hold)
    if hold is None or hold.origin != source.key_class:
        raise no_such_hold(event.event_id)
    if hold.resolution in ("settle", "release"):
        raise hold_resolved(event.event_id, hold.resolution)
    if hold.id in used or (hold.resolution == "expire" and UsageEvent.objects.filter(hold_id=hold.id).exists()):
        raise hold_resolved(event.event_id, hold.resolution or "settle")
    return hold


def charge(book: Book, source: Source, rated: RatedEvent, hold: HoldState | None = None) -> int | None:
    """Charge one event by an operation of its own, settling its hold while it is open, else from the balance.

    The operation's id; None where nothing was to be charged or settled.
    """
    key = operation_key(source.origin, rated.event.event_id)
    operation = OperationDraft(NAMESPACE, key, rated.hash, "usage.spend")
    items = items_digest([(rated.event.event_id, rated.nano)]) if rated.nano else None
    if hold is not None and not hold.resolution:
        book.settle(
            operation=operation, hold=hold, amount=rated.nano, occurred_at=rated.occurred_at, items_digest=items
        )
    else:
        book.spend(operation=operation, amount=rated.nano, occurred_at=rated.occurred_at, items_digest=items)
    return operation.id


def hold_status(hold: HoldState | None) -> str:
    """What the reporter of an event is told of its hold once it is charged; empty without one."""
    return "" if hold is None else STATUS[hold.resolution]


def stored_hold_status(hold_id: int | None) -> str:
    """The same for an event that was recorded before: how a hold ended never changes."""
    if hold_id is None:
        return ""
    return STATUS[HoldResolution.objects.get(pk=hold_id).kind]
