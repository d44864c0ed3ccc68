"""The quantities a plan includes, period by period, and how far ahead they are opened."""

from datetime import datetime
from decimal import Decimal

from billing.foundation.cache import TimedCache
from billing.metering.hooks import Terms
from billing.plans.models import Subscription
from billing.plans.schedules import is_given, schedule_of

KEEP_SECONDS = 300  # whoever changes a plan opens what it includes and says so (`forget_included`)
AHEAD = 1  # periods after the present one that have their allowances opened already, where they are paid


def period_terms(subscription: Subscription, period: int) -> list[Terms]:
    """What is included in one period: from its start on, or since the subscription has its version."""
    schedule = schedule_of(subscription)
    starts_at, ends_at = schedule.start(period), schedule.end(period)
    if subscription.version_since is not None:
        starts_at = max(starts_at, subscription.version_since)
    if starts_at >= ends_at:
        return []
    allowances = subscription.version.allowances
    return [Terms(meter, starts_at, ends_at, Decimal(included)) for meter, included in allowances.items()]


def opened_terms(subscription: Subscription, period: int) -> list[Terms]:
    """What is opened with a period: its own terms, and those of the next if that is given in any case."""
    schedule, found = schedule_of(subscription), period_terms(subscription, period)
    for ahead in range(period + 1, period + 1 + AHEAD):
        if is_given(subscription, schedule.start(ahead)):
            found += period_terms(subscription, ahead)
    return found


def included_at(workspace_id: int, at: datetime) -> list[Terms]:
    """What the plan includes in the period of `at`, as long as that period waits for nothing but a job that is late.

    Subscriber of `allowances_due`; at most one query in five minutes and workspace.
    """
    subscription = _subscriptions.get(workspace_id)
    if subscription is None:
        return []
    schedule = schedule_of(subscription)
    period = schedule.at(at)
    if period < 0 or not is_given(subscription, schedule.start(period)):
        return []
    return [terms for terms in period_terms(subscription, period) if terms.starts_at <= at]


def forget_included(workspace_id: int) -> None:
    _subscriptions.forget(workspace_id)


def _load(workspace_id: int) -> Subscription | None:
    """None: nothing is included."""
    current = Subscription.objects.filter(workspace_id=workspace_id, ended_at=None)
    subscription = current.select_related("version").first()
    return subscription if subscription is not None and subscription.version.allowances else None


_subscriptions: TimedCache[int, Subscription | None] = TimedCache(_load, seconds=KEEP_SECONDS)
