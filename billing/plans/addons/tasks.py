"""Add-ons by the clock."""

import logging
from datetime import datetime, timedelta

from billing.foundation.due.registry import due_job
from billing.plans.addons.attending import JOB, AddOnFailed, attend_one

log = logging.getLogger(__name__)


@due_job(JOB, every=timedelta(minutes=1))
def addons(*, now: datetime, limit: int) -> int:
    """Charge periods that have begun, missed ones one by one; suspend what was not covered for 48 hours.

    One that fails is left out of this run, told about at its end, and keeps nobody else waiting.
    """
    failed: list[int] = []
    done = 0
    while done < limit:
        try:
            if not attend_one(now=now, leave_out=failed):
                break
        except AddOnFailed as error:
            log.exception("add-on %s of a workspace", error.held_id)
            failed.append(error.held_id)
        else:
            done += 1
    if failed:
        raise RuntimeError(f"{done} add-ons attended to, but not {failed}")
    return done
