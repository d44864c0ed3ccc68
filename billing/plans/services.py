"""Starting plans and opening their periods."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.db import transaction
from django.http import HttpRequest

from accounts.models import User, Workspace
from accounts.services.workspaces import workspace_create
from billing.foundation import hostclock
from billing.foundation.site.selectors import site
from billing.ledger.services import credits_grant, overdraft_set
from billing.metering.allowances import terms_open
from billing.plans import calendar
from billing.plans.errors import UnknownPlan
from billing.plans.included import period_terms, periods_ahead
from billing.plans.models import PlanVersion, Subscription
from billing.plans.selectors import forget_limits, newest_version
from billing.plans.terms import give_plan_terms

log = logging.getLogger(__name__)

NAMESPACE = "plan"

_chosen: ContextVar[str | None] = ContextVar("chosen_plan", default=None)


def workspace_open(
    *,
    name: str,
    owner: User | None,
    plan_key: str | None = None,
    external_id: str | None = None,
    time_zone: str = "UTC",
    usage_write_allowed: bool = False,
    actor: User | str | None = None,
    request: HttpRequest | None = None,
) -> Workspace:
    """A new workspace on `plan_key` (None: the default plan), all in one transaction.

    Raises UnknownPlan, or accounts' `Refused`; nothing is written then.
    """
    if plan_key is not None and newest_version(plan_key) is None:
        raise UnknownPlan(plan_key)
    with transaction.atomic(), _starting_on(plan_key):
        return workspace_create(
            name=name,
            owner=owner,
            external_id=external_id,
            time_zone=time_zone,
            usage_write_allowed=usage_write_allowed,
            actor=actor,
            request=request,
        )


@contextmanager
def _starting_on(plan_key: str | None) -> Iterator[None]:
    token = _chosen.set(plan_key)
    try:
        yield
    finally:
        _chosen.reset(token)


def start_default_plan(workspace: Workspace) -> None:
    """Subscriber of `workspace_created`: the plan chosen for this workspace, or the site's default one.

    A default plan that does not exist must not keep customers out: the workspace is made without a plan.
    """
    chosen = _chosen.get()
    try:
        plan_start(workspace=workspace, plan_key=chosen)
    except UnknownPlan:
        if chosen is not None:
            raise
        log.error("workspace %s has no plan: there is no published plan %r", workspace.pk, site().default_plan)


def plan_start(*, workspace: Workspace, plan_key: str | None = None, now: datetime | None = None) -> Subscription:
    """Put a workspace without a plan on one and open its first period; starting again changes nothing.

    Raises UnknownPlan.
    """
    now = now or hostclock.present()
    key = plan_key or site().default_plan
    with transaction.atomic():
        subscription = Subscription.objects.select_related("version__plan").filter(workspace=workspace).first()
        if subscription is not None:
            return subscription
        version = newest_version(key)
        if version is None:
            raise UnknownPlan(key)
        subscription, created = Subscription.objects.get_or_create(
            workspace=workspace,
            defaults={
                "version": version,
                "anchor": now,
                "period": 0,
                "next_period_at": calendar.period_end(now, 0),
            },
        )
        if created:
            if version.overdraft:
                overdraft_set(workspace_id=workspace.pk, limit=version.overdraft)
            period_open(subscription, 0, now=now)
            give_plan_terms(workspace.pk, version, now=now)
            transaction.on_commit(lambda: forget_limits(workspace.pk))
    return subscription


def period_open(subscription: Subscription, period: int, *, now: datetime) -> None:
    """Give what the plan includes in one period, under keys of that period: opening it twice gives it once.

    Allowances of the period after it are opened along: they are dated, and no event of that period's first minute
    has to wait for the job.
    """
    version, anchor = subscription.version, subscription.anchor
    for opened in range(period, period + 1 + periods_ahead(version)):
        for terms in period_terms(version.allowances, anchor, opened):
            terms_open(subscription.workspace_id, terms)
    if version.monthly_credits:
        _grant(subscription, version, period, starts_at=calendar.period_start(anchor, period), now=now)


def _grant(
    subscription: Subscription, version: PlanVersion, period: int, *, starts_at: datetime, now: datetime
) -> None:
    expires_at = calendar.credits_until(subscription.anchor, period, rollover_months=version.rollover_months)
    credits_grant(
        workspace_id=subscription.workspace_id,
        namespace=NAMESPACE,
        key=f"plan:{subscription.pk}:{period}",
        kind="grant.plan",
        source="plan",
        amount=version.monthly_credits,
        label=f"{version.plan.name} plan, {starts_at:%B %Y}",
        effective_at=starts_at,
        expires_at=expires_at,
        actor="system",
        now=now,
    )


class PeriodFailed(Exception):
    """The next period of a subscription could not be opened; nothing of it was written. The cause is chained."""

    def __init__(self, subscription_id: int) -> None:
        super().__init__(f"the next period of subscription {subscription_id} could not be opened")
        self.subscription_id = subscription_id


def roll_one(*, now: datetime, leave_out: Sequence[int] = ()) -> bool:
    """Open the next period of one subscription that is due; False if none is, or others have them all.

    Raises PeriodFailed.
    """
    with transaction.atomic():
        due = Subscription.objects.filter(next_period_at__lte=now).exclude(pk__in=leave_out)
        subscription = (
            due.select_for_update(of=("self",), no_key=True, skip_locked=True)
            .select_related("version__plan")
            .order_by("next_period_at", "pk")
            .first()
        )
        if subscription is None:
            return False
        try:
            with transaction.atomic():
                period = subscription.period + 1
                period_open(subscription, period, now=now)
                subscription.period = period
                subscription.next_period_at = calendar.period_end(subscription.anchor, period)
                subscription.save(update_fields=["period", "next_period_at"])
        except Exception as error:
            raise PeriodFailed(subscription.pk) from error
    return True
