"""What became of the change that Stripe was asked for. Within the transaction of `subscription_apply`."""

from datetime import datetime

from billing.gateway.subscriptions import SubscriptionState
from billing.ledger.models import Lot
from billing.ledger.services import credits_grant, cut
from billing.plans.models import Subscription, SubscriptionChange
from billing.plans.periods.amounts import period_credits
from billing.plans.periods.opening import NAMESPACE, period_key
from billing.plans.schedules import schedule_of
from billing.plans.subscribing.choices import Choice, choice_of, next_choice

Kind = SubscriptionChange.Kind
Status = SubscriptionChange.Status


def asked(workspace_id: int) -> SubscriptionChange | None:
    """The change that is being done, locked; there is at most one."""
    rows = SubscriptionChange.objects.select_for_update(of=("self",), no_key=True)
    found = rows.filter(workspace_id=workspace_id, status=Status.ASKED)
    return found.select_related("version__plan", "credit_tier", "subscription").first()


def wanted(change: SubscriptionChange) -> Choice:
    """What it leads to. Of a cancellation and of staying there is no such thing."""
    assert change.version is not None  # noqa: S101
    return Choice(change.version, change.credit_tier, change.interval)


def settle(
    change: SubscriptionChange | None, state: SubscriptionState, row: Subscription | None, *, now: datetime
) -> None:
    """Done when the subscription is as it was asked to be; failed when it will not become so."""
    if change is None or _is_of_another(change, state):
        return
    if _is_done(change, state, row):
        change.status, change.done_at, change.look_at, change.problem = Status.DONE, now, None, ""
        _grant(change, row)
    elif _has_failed(change, state):
        change.status, change.done_at, change.look_at = Status.FAILED, now, None
        change.problem = cut(change.problem or "It was not paid in time.", 500)
    else:
        return
    change.save()


def _is_of_another(change: SubscriptionChange, state: SubscriptionState) -> bool:
    """Late news of a subscription that ended before, or was never begun, decides nothing about the present one."""
    return change.subscription is not None and change.kind != Kind.START and change.subscription.stripe_id != state.id


def _is_done(change: SubscriptionChange, state: SubscriptionState, row: Subscription | None) -> bool:
    if row is None or row.stripe_id != state.id or row.ended_at:
        return change.kind == Kind.CANCEL and state.status == "canceled"
    if change.kind == Kind.CANCEL:
        return row.ends_at is not None
    if change.kind == Kind.KEEP:
        return row.ends_at is None and row.changes_at is None
    on = choice_of(row).key == wanted(change).key
    if change.kind == Kind.DOWNGRADE:
        following = next_choice(row)
        return on or (following is not None and following.key == wanted(change).key)
    return on and state.pending is None


def _has_failed(change: SubscriptionChange, state: SubscriptionState) -> bool:
    if change.kind == Kind.START:
        return state.metadata.get("change") == change.public_id and state.status in ("canceled", "incomplete_expired")
    if state.status == "canceled":
        return change.kind != Kind.CANCEL
    return change.kind == Kind.UPGRADE and bool(change.invoice_id) and not state.pending


def _grant(change: SubscriptionChange, row: Subscription | None) -> None:
    """The credits' difference for the rest of the period, as it was shown; those of a start come with its period."""
    if change.kind != Kind.UPGRADE or row is None or change.shown.get("new_periods"):
        return  # of one whose periods were shown to begin anew, the first period brings its own
    _grant_opened_meanwhile(change, row)
    if not change.credits:
        return
    credits_grant(
        workspace_id=change.workspace_id,
        namespace=NAMESPACE,
        key=f"plan-change:{change.public_id}",
        kind="grant.plan",
        source="plan",
        amount=change.credits,
        label=f"Change to the {wanted(change).name}",
        effective_at=change.at,
        expires_at=change.credits_until,
        actor=change.actor_label or "system",
        reason=f"change {change.public_id}",
    )


def _grant_opened_meanwhile(change: SubscriptionChange, row: Subscription) -> None:
    """A change may wait for its payment while a month begins of a year that is paid: that month was given what the row
    was on before, and is paid for since the change was asked for. It is given the whole difference, with its own dates.
    """
    schedule = schedule_of(row)
    for period in range(schedule.at(change.at) + 1, row.period + 1):
        lots = Lot.objects.filter(workspace_id=row.workspace_id, operation__namespace=NAMESPACE)
        given = lots.filter(operation__key=period_key(row, period)).values_list("amount", flat=True).first() or 0
        missing = period_credits(row, schedule, period) - given
        if missing <= 0:
            continue
        starts_at = schedule.start(period)
        credits_grant(
            workspace_id=change.workspace_id,
            namespace=NAMESPACE,
            key=f"plan-change:{change.public_id}:{period}",
            kind="grant.plan",
            source="plan",
            amount=missing,
            label=cut(f"Change to the {wanted(change).name} for {starts_at:%B %Y}", 120),
            effective_at=starts_at,
            expires_at=schedule.credits_until(period, rollover_months=row.version.rollover_months),
            actor=change.actor_label or "system",
            reason=f"change {change.public_id}",
        )
