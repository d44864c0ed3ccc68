"""Periodic work of plans."""

from datetime import datetime, timedelta

from billing.foundation.due.registry import due_job
from billing.plans.services import roll_one


@due_job("plan-periods", every=timedelta(minutes=1))
def plan_periods(*, now: datetime, limit: int) -> int:
    """Open the periods that have begun, missed ones one by one."""
    for done in range(limit):
        if not roll_one(now=now):
            return done
    return limit
