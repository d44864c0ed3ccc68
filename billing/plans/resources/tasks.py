"""Periodic work of resources: the days that have begun, and whether balances cover what runs."""

import logging
from datetime import datetime, timedelta

from billing.foundation.due.registry import due_job
from billing.plans.resources.billing import BillingFailed, bill_one
from billing.plans.resources.cover import cover_check
from billing.plans.resources.selectors import workspaces_to_cover

log = logging.getLogger(__name__)


@due_job("resource_days", every=timedelta(minutes=1))
def resource_days(*, now: datetime, limit: int) -> int:
    """Bill the days that have begun, missed ones one by one. A resource that cannot be billed is left out of this run,
    told about at its end, and keeps no other waiting.
    """
    failed: list[int] = []
    done = 0
    while done < limit:
        try:
            if not bill_one(now=now, leave_out=failed):
                break
        except BillingFailed as error:
            log.exception("a day of resource %s", error.resource_id)
            failed.append(error.resource_id)
        else:
            done += 1
    if failed:
        raise RuntimeError(f"{done} days billed, but not of the resources {failed}")
    return done


@due_job("resource_cover", every=timedelta(minutes=5))
def resource_cover(*, now: datetime, limit: int) -> int:
    """Warn where the balance has come to cover less than 48 hours, and do what follows when they are over. All
    workspaces with something that runs are looked at; what is written is unique, so nothing is claimed.
    """
    failures = []
    for workspace_id in workspaces_to_cover():
        try:
            cover_check(workspace_id, now=now)
        except Exception as failure:  # one workspace keeps no other from its warning
            log.exception("the balance of workspace %s could not be held against its resources", workspace_id)
            failures.append(failure)
    if failures:
        raise ExceptionGroup(f"{len(failures)} workspaces could not be looked at", failures)
    return 0
