"""Starting plans, and what else is done to subscriptions from outside (billing.plans.periods)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.db import transaction
from django.http import HttpRequest

from accounts.models import User, Workspace
from accounts.services.workspaces import workspace_create
from billing.foundation import hostclock
from billing.foundation.site.selectors import site
from billing.plans.errors import UnknownPlan
from billing.plans.models import Subscription
from billing.plans.periods.due import AT_ONCE, PeriodFailed, catch_up, roll, roll_one
from billing.plans.periods.life import (
    subscription_end,
    subscription_paid,
    subscription_start,
    subscriptions_start,
    version_change,
)
from billing.plans.selectors import current_subscription, newest_version

__all__ = [
    "PeriodFailed",
    "catch_up",
    "plan_start",
    "plans_started_together",
    "roll",
    "roll_one",
    "start_default_plan",
    "subscription_end",
    "subscription_paid",
    "subscription_start",
    "version_change",
    "workspace_open",
]

log = logging.getLogger(__name__)

_chosen: ContextVar[str | None] = ContextVar("chosen_plan", default=None)
_later: ContextVar[list[Workspace] | None] = ContextVar("plans_started_together", default=None)


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
    chosen, waiting = _chosen.get(), _later.get()
    if chosen is None and waiting is not None:
        waiting.append(workspace)
        return
    try:
        plan_start(workspace=workspace, plan_key=chosen)
    except UnknownPlan:
        if chosen is not None:
            raise
        log.error("workspace %s has no plan: there is no published plan %r", workspace.pk, site().default_plan)


@contextmanager
def plans_started_together() -> Iterator[None]:
    """Workspaces that are made in the block start on the default plan at its end, some dozens at a time. Within one
    transaction, around all of it: nobody else sees them before. Raises PeriodFailed.
    """
    waiting: list[Workspace] = []
    token = _later.set(waiting)
    try:
        yield
    finally:
        _later.reset(token)
    if not waiting:
        return
    if (version := newest_version(site().default_plan)) is None:
        log.error("%s workspaces have no plan: there is no published plan %r", len(waiting), site().default_plan)
        return
    for first in range(0, len(waiting), AT_ONCE):
        subscriptions_start(workspaces=waiting[first : first + AT_ONCE], version=version, now=hostclock.present())


def plan_start(*, workspace: Workspace, plan_key: str | None = None, now: datetime | None = None) -> Subscription:
    """Put a workspace without a plan on one and open its first period; starting again changes nothing.

    Raises UnknownPlan.
    """
    now = now or hostclock.present()
    key = plan_key or site().default_plan
    with transaction.atomic():
        subscription = current_subscription(workspace.pk)
        if subscription is not None:
            return subscription
        version = newest_version(key)
        if version is None:
            raise UnknownPlan(key)
        return subscription_start(workspace=workspace, version=version, at=now, now=now, only_first=True)
