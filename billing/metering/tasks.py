"""What metering does by the clock."""

import logging
from datetime import datetime, timedelta

from billing.foundation.due.registry import due_job
from billing.foundation.due.tasks import run_due_task
from billing.metering.archive.services import archive_old_events
from billing.metering.unrated.alarm import tell_of_waiting
from billing.metering.unrated.charging import charge_waiting
from billing.metering.unrated.waiting import chargeable, has_looked, looked_until
from billing.pricing.book import edition, look_again

log = logging.getLogger(__name__)

CHARGING = "usage_waiting"
AT_MOST = 900  # seconds that archiving takes in one run; the worker ends a task after half an hour


@due_job(CHARGING, every=timedelta(minutes=1))
def charge_what_waited(*, now: datetime, limit: int) -> int:
    """Charge events that were recorded without a price and have one by now, and tell staff of those that go on
    waiting. A workspace that fails is told about at the end, and keeps no other waiting.
    """
    look_again()
    prices = edition()
    since = looked_until(prices)
    found, done, failures = 0, 0, []
    for workspace_id, pks in chargeable(since=since):
        found += len(pks)
        try:
            done += charge_waiting(workspace_id=workspace_id, pks=pks)
        except Exception as failure:
            log.exception("events of workspace %s that have a price now could not be charged", workspace_id)
            failures.append(failure)
    if done == found:
        has_looked(prices, since=since, at=now)
    tell_of_waiting(now)
    if failures:
        raise ExceptionGroup(f"{done} events were charged, {len(failures)} portions could not be", failures)
    return min(done, limit - 1)  # all of them were looked at


@due_job("event_archive", every=timedelta(hours=24))
def archive_details(*, now: datetime, limit: int) -> int:
    """Archive the details of events that are older than the operator wants to keep; whole months, so once a month."""
    return min(archive_old_events(now=now, seconds=AT_MOST), limit - 1)


def ask_to_charge() -> None:
    """Prices have changed: have a worker look at once. When none hears it, the job does within a minute."""
    try:
        run_due_task.apply_async((CHARGING,), retry=False, expires=60)
    except Exception as error:  # whatever is wrong with the broker, the job is the truth
        log.warning("no worker could be told to charge what waited for a price: %s", error)
