"""Telling a worker to look for top-ups that are due. The job finds them anyway, within a minute."""

import logging

from billing.foundation.due.tasks import run_due_task

log = logging.getLogger(__name__)
JOB = "auto_top_ups"


def hint() -> None:
    try:
        run_due_task.apply_async((JOB,), retry=False, expires=60)
    except Exception as error:  # whatever is wrong with the broker
        log.warning("no worker could be told about an automatic top-up: %s", error)


def bound_was_crossed(workspace_id: int) -> None:
    """Subscriber of `topup_bound_crossed`: the wallet keeps a bound only while top-ups are on."""
    hint()
