"""The quantities a plan includes, period by period, and how far ahead they are opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.foundation.cache import TimedCache
from billing.metering.hooks import Terms
from billing.plans import calendar
from billing.plans.models import PlanVersion, Subscription

KEEP_SECONDS = 300  # whoever changes a plan opens what it includes and says so (`forget_included`)


def period_terms(allowances: Mapping[str, str], anchor: datetime, period: int) -> list[Terms]:
    """What is included in one period."""
    starts_at, ends_at = calendar.period_start(anchor, period), calendar.period_end(anchor, period)
    return [Terms(meter, starts_at, ends_at, Decimal(included)) for meter, included in allowances.items()]


def periods_ahead(version: PlanVersion) -> int:
    """How many periods after the present one have their allowances opened already."""
    return 0 if waits_for_payment(version) else 1


def waits_for_payment(version: PlanVersion) -> bool:
    """Whether a period is given only once it is paid. Every plan is given without waiting for now."""
    return False


def included_at(workspace_id: int, at: datetime) -> list[Terms]:
    """What the plan includes in the period of `at`, as long as that period waits for nothing but a job that is late.

    Subscriber of `allowances_due`; at most one query in five minutes and workspace.
    """
    plan = _plans.get(workspace_id)
    if plan is None or at < plan.anchor:
        return []
    return period_terms(plan.allowances, plan.anchor, calendar.period_at(plan.anchor, at))


def forget_included(workspace_id: int) -> None:
    _plans.forget(workspace_id)


@dataclass(frozen=True)
class _Plan:
    anchor: datetime
    allowances: Mapping[str, str]


def _load(workspace_id: int) -> _Plan | None:
    """None: nothing is included without being paid for."""
    subscription = Subscription.objects.filter(workspace_id=workspace_id).select_related("version").first()
    if subscription is None or not subscription.version.allowances or waits_for_payment(subscription.version):
        return None
    return _Plan(subscription.anchor, subscription.version.allowances)


_plans: TimedCache[int, _Plan | None] = TimedCache(_load, seconds=KEEP_SECONDS)
