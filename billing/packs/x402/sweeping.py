"""What a crash or a silent network left on its way is finished without the client."""

import logging
from datetime import datetime

from billing.packs.x402.journal import left_behind, long_on_their_way, take_over
from billing.packs.x402.settling import payment_settle

log = logging.getLogger(__name__)


class Stuck(Exception):
    """Payments that do not come to an end: the job fails, and so is seen on the first page of the admin."""


def sweep(now: datetime, limit: int) -> int:
    """How many were taken up. One that cannot be finished keeps its lease, and is tried again when that is over."""
    taken = 0
    for payment in list(left_behind(now, limit)):
        if not take_over(payment):
            continue
        taken += 1
        try:
            payment_settle(payment)
        except Exception:  # whatever is wrong with one, the others go on
            log.exception("payment %s could not be finished", payment.public_id)
    if stuck := list(long_on_their_way(now)):
        raise Stuck(f"{', '.join(stuck)}: on the way for more than half an hour")
    return min(taken, limit - 1)
