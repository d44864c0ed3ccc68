"""The due job: whatever was missed while nothing ran is found by the next look."""

import logging
from datetime import datetime, timedelta

from accounts.models import Workspace
from billing.alerts.models import PriceWatch
from billing.alerts.pricechanges.finding import news
from billing.alerts.pricechanges.telling import tell
from billing.foundation.due.registry import due_job
from billing.foundation.due.tasks import run_due_task
from billing.pricing.book import look_again

log = logging.getLogger(__name__)

JOB = "price_news"
# Looked at again each time: a change that was not visible yet when the last look began.
MARGIN = timedelta(days=1)


@due_job(JOB, every=timedelta(minutes=10))
def price_news(*, now: datetime, limit: int) -> int:
    """Tell people of rises to come, and of drops that have taken effect, of models they use. A workspace that fails is
    told about at the end, keeps no other waiting, and is tried again with the next run.
    """
    look_again()
    watch, _ = PriceWatch.objects.get_or_create(pk=1, defaults={"began_at": now, "looked_at": now})
    found = news(after=max(watch.began_at, watch.looked_at - MARGIN), now=now)
    told, failures = 0, []
    for workspace in Workspace.objects.filter(pk__in=found).order_by("pk"):
        if told == limit:
            return told
        try:
            told += tell(workspace, found[workspace.pk], now=now)
        except Exception as failure:
            log.exception("workspace %s could not be told of changed prices", workspace.pk)
            failures.append(failure)
    if failures:
        raise ExceptionGroup(f"{told} workspaces were told of changed prices, {len(failures)} could not be", failures)
    PriceWatch.objects.filter(pk=1, looked_at__lt=now).update(looked_at=now)
    return min(told, limit - 1)  # all of them were looked at


def ask_to_tell() -> None:
    """Prices have changed: have a worker look at once. When none hears it, the job does within ten minutes."""
    try:
        run_due_task.apply_async((JOB,), retry=False, expires=60)
    except Exception as error:  # whatever is wrong with the broker, the job is the truth
        log.warning("no worker could be asked to tell of changed prices: %s", error)
