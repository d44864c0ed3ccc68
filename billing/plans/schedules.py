"""The schedule of a subscription, and which of its periods are given."""

from datetime import datetime

from billing.plans.calendar import Schedule
from billing.plans.models import PlanVersion, Subscription


def schedule_for(version: PlanVersion, anchor: datetime) -> Schedule:
    return Schedule(anchor, calendar_months=version.periods == PlanVersion.Periods.CALENDAR)


def schedule_of(subscription: Subscription) -> Schedule:
    return schedule_for(subscription.version, subscription.anchor)


def is_given(subscription: Subscription, starts_at: datetime) -> bool:
    """Whether a period that starts then is given: it is paid, or nothing has to be, and the subscription runs on."""
    paid_until, ends_at = subscription.paid_until, subscription.ends_at
    return (paid_until is None or starts_at < paid_until) and (ends_at is None or starts_at < ends_at)
