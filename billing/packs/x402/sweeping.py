"""What a crash or a silent network left on its way is finished without the client."""

import logging
from datetime import datetime

from billing.packs.x402.journal import left_behind, take_over
from billing.packs.x402.settling import payment_settle

log = logging.getLogger(__name__)


def sweep(now: datetime, limit: int) -> int:
    """How many were taken up. One that cannot be finished keeps its lease, and is tried again when that is over."""
    taken = 0
    for payment in list(left_behind(now, limit)):
        if not take_over(payment, failed_too=False):
            continue
        taken += 1
        try:
            payment_settle(payment)
        except Exception:  # whatever is wrong with one, the others go on
            log.exception("payment %s could not be finished", payment.public_id)
    return min(taken, limit - 1)
