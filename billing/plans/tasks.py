"""Periodic work of plans."""

import logging
from datetime import datetime, timedelta

from billing.foundation.due.registry import due_job
from billing.gateway.looking import connected
from billing.plans.addons import tasks as addon_tasks  # noqa: F401 - registers the job
from billing.plans.low import low_bounds_refresh, workspaces_in_use
from billing.plans.periods.due import AT_ONCE, PeriodFailed, roll, roll_of
from billing.plans.periods.life import EndFailed, end_one
from billing.plans.scheduling import publish_due, retire_due
from billing.plans.subscribing.autoupgrade import JOB as AUTO_UPGRADES
from billing.plans.subscribing.autoupgrade import auto_upgrade_due
from billing.plans.subscribing.dunning import remind
from billing.plans.subscribing.notices import JOB as SUBSCRIPTIONS
from billing.plans.subscribing.notices import attend_due

log = logging.getLogger(__name__)


@due_job("plan_periods", every=timedelta(minutes=1))
def plan_periods(*, now: datetime, limit: int) -> int:
    """Open the periods that have begun, missed ones one by one.

    Where some that were tried together fail, they are tried one by one: whichever cannot be opened is left out of this
    run, told about at its end, and keeps nobody else waiting.
    """
    failed: list[int] = []
    done = 0
    while done < limit:
        try:
            opened = roll(now=now, limit=min(AT_ONCE, limit - done), leave_out=failed)
        except PeriodFailed as error:
            opened = _one_by_one(error.subscription_ids, failed, now=now)
        else:
            if not opened:
                break
        done += opened
    if failed:
        raise RuntimeError(f"{done} periods opened, but not of the subscriptions {failed}")
    return done


def _one_by_one(subscription_ids: list[int], failed: list[int], *, now: datetime) -> int:
    opened = 0
    for pk in subscription_ids:
        try:
            opened += roll_of(pk, now=now)
        except PeriodFailed:
            log.exception("period of subscription %s", pk)
            failed.append(pk)
    return opened


@due_job("plan_ends", every=timedelta(minutes=1))
def plan_ends(*, now: datetime, limit: int) -> int:
    """End the subscriptions whose last day is over, where nobody pays through Stripe and Stripe says nothing."""
    failed: list[int] = []
    done = 0
    while done < limit:
        try:
            if not end_one(now=now, leave_out=failed):
                break
        except EndFailed as error:
            log.exception("end of subscription %s", error.subscription_id)
            failed.append(error.subscription_id)
        else:
            done += 1
    if failed:
        raise RuntimeError(f"{done} subscriptions ended, but not {failed}")
    return done


@due_job("plan_schedule", every=timedelta(seconds=30))
def plan_schedule(*, now: datetime, limit: int) -> int:
    """Publish versions and retire plans at the time that was decided."""
    return max(publish_due(now=now, limit=limit), retire_due(now=now, limit=limit))


@due_job("low_bounds", every=timedelta(hours=1))
def low_bounds(*, now: datetime, limit: int) -> int:
    """Follow the pace of usage with the bound below which a balance is low. Idempotent, so nothing is claimed."""
    found = workspaces_in_use(now)
    for first in range(0, len(found), AT_ONCE):
        low_bounds_refresh(found[first : first + AT_ONCE], now=now)
    return 0


@due_job(SUBSCRIPTIONS, every=timedelta(seconds=30))
def subscription_looks(*, now: datetime, limit: int) -> int:
    """Ask Stripe about subscriptions of which something was heard, and those whose paid time is over."""
    return attend_due(now, limit) if connected() else 0


@due_job("subscription_reminders", every=timedelta(hours=1))
def subscription_reminders(*, now: datetime, limit: int) -> int:
    """Tell once more of plans that have not been paid for days, before Stripe gives up."""
    return min(remind(now), limit - 1)


@due_job(AUTO_UPGRADES, every=timedelta(minutes=1))
def auto_upgrades(*, now: datetime, limit: int) -> int:
    """Move those a tier up whose period's credits are used up, and who agreed to it."""
    return auto_upgrade_due(now, limit) if connected() else 0
