"""What the ledger does by the clock. Nothing depends on these being on time: a book posts what is due by itself."""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from billing.foundation.due.registry import due_job
from billing.ledger.alarm import JOB, LedgerDrift, tell_operator
from billing.ledger.models import Wallet
from billing.ledger.services import wallet_settle
from billing.ledger.trial.balance import trial_balance
from billing.ledger.trial.sums import sums_catch_up
from billing.ledger.verify import verify

log = logging.getLogger(__name__)


@due_job("expire_lots", every=timedelta(minutes=1))
def expire_lots(*, now: datetime, limit: int) -> int:
    """Start and expire the lots whose instant has come, and expire holds. A wallet that fails is told about once all
    others are done: it is claimed first again and again, and must not be what they wait for.
    """
    with transaction.atomic():
        due = Wallet.objects.filter(next_due_at__lte=now).order_by("next_due_at")
        claimed = list(due.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True)[:limit])
    failures = []
    for workspace_id in claimed:
        try:
            wallet_settle(workspace_id=workspace_id, now=now)
        except Exception as failure:
            log.exception("lots of workspace %s could not be posted", workspace_id)
            failures.append(failure)
    if failures and (len(claimed) < limit or len(failures) == limit):
        raise ExceptionGroup(f"{len(failures)} of {len(claimed)} wallets could not be posted", failures)
    return len(claimed)


@due_job(JOB, every=timedelta(hours=1))
def verify_ledger(*, now: datetime, limit: int) -> int:
    """Recompute everything; any drift is an error of this job and stays until a person has looked."""
    sums_catch_up()
    problems = [*verify().problems, *trial_balance().problems]
    if problems:
        tell_operator(problems, now=now)
        first = problems[0]
        raise LedgerDrift(f"{len(problems)} problems; the first: workspace {first.workspace_id}: {first.detail}")
    return 0
