"""What becomes of add-ons by the clock: charged, not covered, suspended, active again, ended.

A row says when it is looked at next. Whoever looks locks it, then the wallet, and moves that on, in one transaction.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from billing.credits import clock
from billing.foundation.audit.services import record
from billing.foundation.due.tasks import run_due_task
from billing.ledger.accounts import AVAILABLE
from billing.ledger.book import open_book
from billing.ledger.hooks import tell
from billing.ledger.models import OF_REQUESTS, Transfer
from billing.plans import hooks
from billing.plans.addons import emails
from billing.plans.addons.changes import plan_period
from billing.plans.addons.paying import pay, period_key
from billing.plans.addons.sums import pro_rata
from billing.plans.addons.waiting import credits_are_coming
from billing.plans.limits import forget_limits
from billing.plans.models import WorkspaceAddOn

log = logging.getLogger(__name__)
JOB = "addons"
GRACE = timedelta(hours=48)
AGAIN = timedelta(minutes=10)  # also without hearing of credits
SOON = timedelta(minutes=1)
Status = WorkspaceAddOn.Status


class AddOnFailed(Exception):
    """An add-on could not be attended to; nothing of it was written. The cause is chained."""

    def __init__(self, held_id: int) -> None:
        super().__init__(f"add-on {held_id} of a workspace could not be attended to")
        self.held_id = held_id


def attend_one(*, now: datetime, leave_out: Sequence[int] = ()) -> bool:
    """Take one add-on that is due a step further; False if none is, or others have them all. Raises AddOnFailed."""
    with transaction.atomic():
        due = WorkspaceAddOn.objects.filter(look_at__lte=now).exclude(pk__in=leave_out)
        held = (
            due.select_for_update(of=("self",), no_key=True, skip_locked=True)
            .select_related("workspace", "addon")
            .order_by("look_at", "pk")
            .first()
        )
        if held is None:
            return False
        try:
            with transaction.atomic():
                _attend(held, now)
                held.save()
        except Exception as error:
            raise AddOnFailed(held.pk) from error
    return True


def _attend(held: WorkspaceAddOn, now: datetime) -> None:
    paid = held.status == Status.ACTIVE and held.paid_until > now
    if paid:
        held.look_at = held.paid_until
    elif held.next_quantity == 0:
        ended(held, at=held.paid_until)
    elif held.status == Status.SHORT and held.suspends_at is not None and held.suspends_at <= now:
        _suspend(held, now)
    elif held.status == Status.SUSPENDED and not _arrived(held):
        held.look_at = now + AGAIN
    else:
        # What was suspended is charged from now on, everything else for the time that follows what is paid.
        _pay_period(held, since=now if held.status == Status.SUSPENDED else held.paid_until, now=now)


def _pay_period(held: WorkspaceAddOn, *, since: datetime, now: datetime) -> None:
    starts, ends = plan_period(held.workspace_id, since, own_start=held.started_at)
    quantity = held.next_quantity or held.quantity
    amount = pro_rata(held.monthly_credits * quantity, starts=starts, ends=ends, since=since)
    with open_book(held.workspace_id, now=now) as book:
        if amount > book.available:
            available, held.tried_seq = book.available, book.seq
        else:
            available, key = amount, period_key(held, since)
            pay(book, held, key=key, amount=amount, quantity=quantity, since=since, ends=ends)
    if available < amount:
        _not_covered(held, amount, available, now)
        return
    was_suspended = held.status == Status.SUSPENDED
    held.status, held.short_since, held.suspends_at = Status.ACTIVE, None, None
    held.quantity, held.next_quantity = quantity, None
    held.period_starts_at, held.paid_until, held.look_at = starts, ends, ends
    _changed(held)
    if was_suspended:
        record(action="addon.resumed", actor="system", workspace=held.workspace, target=held.name)
        emails.tell_active_again(held, amount, since)


def _not_covered(held: WorkspaceAddOn, needed: int, available: int, now: datetime) -> None:
    if held.status == Status.SUSPENDED:
        held.look_at = now + AGAIN
    elif held.status == Status.SHORT and held.suspends_at is not None:
        held.look_at = min(held.suspends_at, now + AGAIN)
    elif credits_are_coming(held.workspace_id, now):
        held.look_at = now + SOON
    else:
        held.status, held.short_since, held.suspends_at = Status.SHORT, now, now + GRACE
        held.look_at = now + AGAIN
        news = hooks.Shortfall(held.workspace_id, held.addon.key, needed, available, held.suspends_at)
        tell(hooks.shortfall, news)
        record(
            action="addon.not_covered",
            actor="system",
            workspace=held.workspace,
            target=held.name,
            after={"needed_nano": str(needed), "available_nano": str(available), "suspends_at": held.suspends_at},
        )
        emails.tell_not_covered(held, news)
        _changed(held)


def _suspend(held: WorkspaceAddOn, now: datetime) -> None:
    held.status, held.look_at = Status.SUSPENDED, now  # credits that arrived meanwhile count at once
    record(action="addon.suspended", actor="system", workspace=held.workspace, target=held.name)
    emails.tell_suspended(held)
    _changed(held)


def ended(held: WorkspaceAddOn, *, at: datetime) -> None:
    """It is over; the row stays as history."""
    held.status, held.ended_at, held.look_at = Status.ENDED, at, None
    held.short_since, held.suspends_at = None, None
    _changed(held)


def due_now(held: WorkspaceAddOn, now: datetime) -> None:
    """Have a worker look at it once this is committed."""
    held.look_at = now
    transaction.on_commit(_hint, robust=True)


def credits_arrived(workspace_ids: Sequence[int]) -> None:
    """Subscriber of `credits_came_in`: what waits for credits is looked at now."""
    waiting = WorkspaceAddOn.objects.filter(workspace_id__in=workspace_ids, status__in=[Status.SHORT, Status.SUSPENDED])
    if waiting.update(look_at=clock.now()):
        transaction.on_commit(_hint, robust=True)


def _arrived(held: WorkspaceAddOn) -> bool:
    """Whether credits came since they were last found not to be enough. Those that a request gave back are none: else
    an add-on would come to life for the last hours of a period, whenever these are cheap enough.
    """
    since = Transfer.objects.filter(workspace_id=held.workspace_id, seq__gt=held.tried_seq, credit=AVAILABLE)
    return since.exclude(kind__in=OF_REQUESTS).exists()


def _changed(held: WorkspaceAddOn) -> None:
    transaction.on_commit(lambda: forget_limits(held.workspace_id))


def _hint() -> None:
    try:
        run_due_task.apply_async((JOB,), retry=False, expires=60)
    except Exception as error:  # whatever is wrong with the broker, the job looks within minutes
        log.warning("no worker could be told about an add-on: %s", error)
