"""What Stripe says of a subscription, applied here: in one short transaction, as often and in whatever order it comes.

Only what Stripe answered when it was asked counts (`SubscriptionState`), and of several answers the one that was asked
for last. Applying the same answer again changes nothing.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import Workspace
from billing.foundation import hostclock
from billing.foundation.audit.services import record
from billing.gateway.customers import workspace_of
from billing.gateway.subscriptions import SubscriptionState
from billing.plans.errors import OtherPeriods
from billing.plans.hooks import changes_together, tell_changed
from billing.plans.limits import forget_limits
from billing.plans.models import Subscription, SubscriptionChange
from billing.plans.periods.life import subscription_end, subscription_start
from billing.plans.periods.versions import version_give
from billing.plans.subscribing import emails, outcome
from billing.plans.subscribing.choices import Choice, choice_of, choice_of_lookup_key, next_choice
from billing.plans.subscribing.looks import look_plan, look_soon
from billing.plans.subscribing.spans import goes_on, periods_open

log = logging.getLogger(__name__)
Status = Subscription.Status
INSTANT = timedelta(microseconds=1)
# A trial that ends without a card pauses the subscription: nothing is paid, nothing is given.
STATUSES = {
    "active": Status.ACTIVE,
    "trialing": Status.TRIALING,
    "past_due": Status.PAST_DUE,
    "unpaid": Status.UNPAID,
    "paused": Status.UNPAID,
}


class NotOurs(Exception):
    """A subscription at Stripe that the portal cannot place; a person has to look."""


@transaction.atomic
@changes_together()
def subscription_apply(state: SubscriptionState, *, now: datetime) -> Subscription | None:
    """The workspace's subscription afterwards; None when it has none, or the customer is of no workspace.

    Raises NotOurs.
    """
    workspace = _workspace(state)
    if workspace is None:
        return None
    # Whoever begins or ends one has this lock first: else whoever waited for a row that another ended would find none.
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
    rows = Subscription.objects.select_for_update(of=("self",), no_key=True)
    current = rows.select_related("version__plan", "credit_tier").filter(workspace=workspace, ended_at=None).first()
    asked = outcome.asked(workspace.pk)
    own = current if current and current.stripe_id == state.id else None
    if _is_overtaken(own, state):
        log.info("what Stripe answered of %s at %s was overtaken", state.id, state.asked_at)
        look_soon(state.id, now=now)
        return current
    if state.status in ("incomplete", "incomplete_expired"):
        outcome.settle(asked, state, current, now=now)
        return current
    if state.status == "canceled":
        return _ended(own, current, state, asked, now)
    choice = choice_of_lookup_key(state.lookup_key)
    if choice is None:
        raise NotOurs(f"{state.id} of {workspace.public_id} has a price that no plan has: {state.price}")
    choice = _as_moved(choice, own)
    own = _followed(own, choice, state, asked, now) if own else _begun(workspace, current, choice, state, now)
    _asked_at(own, state)
    _what_comes(own, state)
    periods_open(own, now=now)
    outcome.settle(asked, state, own, now=now)
    look_plan(own, now=now)
    tell_changed(own.pk)
    return own


def _workspace(state: SubscriptionState) -> Workspace | None:
    known = Subscription.objects.filter(stripe_id=state.id).select_related("workspace").first()
    return known.workspace if known else workspace_of(state.customer)


def _begun(
    workspace: Workspace, current: Subscription | None, choice: Choice, state: SubscriptionState, now: datetime
) -> Subscription:
    """A subscription that was not here before takes the place of the plan that costs nothing."""
    if current is not None and current.stripe_id:
        raise NotOurs(f"{workspace.public_id} has {current.stripe_id} and now {state.id} as well")
    if Subscription.objects.filter(stripe_id=state.id).exists():
        raise NotOurs(f"{state.id} of {workspace.public_id} was ended here, and goes on at Stripe")
    row = _row(workspace, choice, state, _anchor(state), now)
    record(
        action="subscription.started",
        actor="system",
        workspace=workspace,
        target=choice.name,
        before={"plan": str(current.version) if current else None},
        after={"subscription": state.id, "paid_until": row.paid_until, "trial_until": row.trial_until},
    )
    emails.tell_started(row)
    return row


def _as_moved(choice: Choice, row: Subscription | None) -> Choice:
    """Staff may move customers to a newer version of their plan that costs the same: at Stripe they keep the price of
    the older one. Who goes to a newer one by themselves has its price.
    """
    if row is None:
        return choice
    own = choice_of(row)
    rung, own_rung = (each.tier.number if each.tier else 0 for each in (choice, own))
    same_plan = (choice.version.plan_id, rung, choice.interval) == (own.version.plan_id, own_rung, own.interval)
    older = choice.version.number < own.version.number
    return own if same_plan and older and choice.price_cents == own.price_cents else choice


def _row(
    workspace: Workspace, choice: Choice, state: SubscriptionState, anchor: datetime, now: datetime
) -> Subscription:
    """In place of the one there is."""
    return subscription_start(
        workspace=workspace,
        version=choice.version,
        credit_tier=choice.tier,
        interval=choice.interval,
        at=anchor,
        now=now,
        stripe_id=state.id,
        paid_until=state.paid_until or anchor,
        status=STATUSES[state.status],
        trial_until=state.trial_end,
    )


def _is_overtaken(own: Subscription | None, state: SubscriptionState) -> bool:
    """Whether something that was asked for later is kept already. Whatever happens at Stripe is followed by a question
    of its own, so nothing is lost with an answer to an earlier one. An end is final, whenever it was asked for.

    A kept time that is yet to come proves nothing: the database's clock was set back. It is read under the lock.
    """
    if state.status == "canceled":
        return False
    later = Subscription.objects.filter(stripe_id=state.id, asked_at__gt=state.asked_at)
    if later.filter(asked_at__lte=hostclock.database()).exists():
        return True
    # Asked for at the same instant, or by another clock: anchors only go forward.
    anchor = _anchor(state)
    return own is not None and anchor < own.anchor and not goes_on(own, anchor)


def _asked_at(row: Subscription, state: SubscriptionState) -> None:
    row.asked_at = state.asked_at
    row.save(update_fields=["asked_at"])


def _anchor(state: SubscriptionState) -> datetime:
    """From which its periods are counted. Stripe counts those of a trial from its end on."""
    return state.period_start if state.status == "trialing" else state.anchor


def _followed(
    row: Subscription, choice: Choice, state: SubscriptionState, asked: SubscriptionChange | None, now: datetime
) -> Subscription:
    """The same subscription at Stripe: with another price, another anchor, paid further, or not paid."""
    anchor, before = _anchor(state), choice_of(row)
    moved = choice.key != before.key
    if not goes_on(row, anchor):
        if row.past_due_since is None:  # what was not paid does not become so by beginning anew
            _paid_up_to(row, anchor)
        subscription_end(row.pk, at=min(max(anchor, row.anchor), now), now=now, then_default=False)
        row = _row(row.workspace, choice, state, anchor, now)
    else:
        _paid_up_to(row, state.paid_until)
        if moved:
            periods_open(row, now=now, before=_until(row, choice, state, asked, now))
            _move(row, choice, now)
    if moved:
        record(
            action="subscription.changed",
            actor="system",
            workspace=row.workspace,
            target=choice.name,
            before={"on": before.name},
            after={"on": choice.name, "subscription": state.id},
        )
        emails.tell_changed(row, before.name)
    _paid(row, state, now)
    return row


def _paid_up_to(row: Subscription, until: datetime | None) -> None:
    row.paid_until = max(filter(None, [row.paid_until, until]))
    row.save(update_fields=["paid_until"])
    transaction.on_commit(lambda: forget_limits(row.workspace_id))


def _move(row: Subscription, choice: Choice, now: datetime) -> None:
    """On other terms from now on. Raises NotOurs."""
    try:
        version_give(row, choice.version, credit_tier=choice.tier, at=now, now=now)
    except OtherPeriods as error:
        raise NotOurs(f"{row.stripe_id} was moved at Stripe to a plan whose periods are counted otherwise") from error
    row.interval = choice.interval
    row.save(update_fields=["interval"])


def _until(
    row: Subscription, choice: Choice, state: SubscriptionState, asked: SubscriptionChange | None, now: datetime
) -> datetime:
    """Periods that began before this instant are of what it was on before."""
    following = next_choice(row)
    if row.changes_at and following and following.key == choice.key:
        return row.changes_at
    if asked is not None and asked.kind == SubscriptionChange.Kind.UPGRADE:
        return asked.at + INSTANT
    return state.period_start if row.next_period_at == state.period_start else now + INSTANT


def _paid(row: Subscription, state: SubscriptionState, now: datetime) -> None:
    row.status = STATUSES[state.status]
    row.trial_until = state.trial_end
    failing = row.status in (Status.PAST_DUE, Status.UNPAID)
    if failing and row.past_due_since is None:
        row.past_due_since = now
    elif not failing:
        row.past_due_since = None
    row.awaits_confirmation = failing and state.latest_invoice is not None and state.latest_invoice.confirm
    row.save(update_fields=["status", "trial_until", "past_due_since", "awaits_confirmation"])
    if failing:
        emails.tell_unpaid(row, state)


def _what_comes(row: Subscription, state: SubscriptionState) -> None:
    """Its end, or another price when its paid time is over."""
    ended, changed, before = row.ends_at, row.changes_at, next_choice(row)
    following = choice_of_lookup_key(state.later_key)
    if following is not None and following.key == choice_of(row).key:
        following = None
    row.ends_at = state.cancel_at
    row.changes_at = state.period_end if following else None
    row.next_version = following.version if following else None
    row.next_credit_tier = following.tier if following else None
    row.next_interval = following.interval if following else ""
    if (ended, changed) == (row.ends_at, row.changes_at) and (before and before.key) == (following and following.key):
        return
    row.save(update_fields=["ends_at", "next_version", "next_credit_tier", "next_interval", "changes_at"])
    transaction.on_commit(lambda: forget_limits(row.workspace_id))
    if row.ends_at and row.ends_at != ended:
        emails.tell_cancelled(row)
    elif ended and not row.ends_at:
        emails.tell_resumed(row)
    if following:
        emails.tell_planned(row, following.name)


def _ended(
    own: Subscription | None,
    current: Subscription | None,
    state: SubscriptionState,
    asked: SubscriptionChange | None,
    now: datetime,
) -> Subscription | None:
    """Stripe has ended it: back to the default plan, if that costs nothing. Its credits live to their dates."""
    if own is None:
        outcome.settle(asked, state, current, now=now)
        return current
    ended_at = min(max(state.ended_at or now, own.anchor), now)
    if state.paid_until:
        _paid_up_to(own, state.paid_until)
    _asked_at(own, state)
    name, failed = choice_of(own).name, own.past_due_since is not None
    row = subscription_end(own.pk, at=ended_at, now=now)
    own.refresh_from_db()
    record(
        action="subscription.ended",
        actor="system",
        workspace=own.workspace,
        target=name,
        after={"subscription": state.id, "ended_at": ended_at},
        reason="it was not paid" if failed else "",
    )
    emails.tell_ended(own, failed=failed, plan=row.version.plan.name if row else "")
    outcome.settle(asked, state, row, now=now)
    return row
