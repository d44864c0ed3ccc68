"""Periodic work of plans."""

import logging
from datetime import datetime, timedelta

from billing.foundation.due.registry import due_job
from billing.plans.low import low_bound_refresh, workspaces_in_use
from billing.plans.services import PeriodFailed, roll_one

log = logging.getLogger(__name__)


@due_job("plan_periods", every=timedelta(minutes=1))
def plan_periods(*, now: datetime, limit: int) -> int:
    """Open the periods that have begun, missed ones one by one.

    A subscription that cannot be rolled is left out of this run, told about at its end, and keeps nobody else waiting.
    """
    failed: list[int] = []
    done = 0
    while done < limit:
        try:
            if not roll_one(now=now, leave_out=failed):
                break
        except PeriodFailed as error:
            log.exception("period of subscription %s", error.subscription_id)
            failed.append(error.subscription_id)
        else:
            done += 1
    if failed:
        raise RuntimeError(f"{done} periods opened, but not of the subscriptions {failed}")
    return done


@due_job("low_bounds", every=timedelta(hours=1))
def low_bounds(*, now: datetime, limit: int) -> int:
    """Follow the pace of usage with the bound below which a balance is low. Idempotent, so nothing is claimed."""
    for workspace_id in workspaces_in_use(now):
        low_bound_refresh(workspace_id)
    return 0
