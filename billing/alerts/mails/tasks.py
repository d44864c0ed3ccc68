"""By the clock: grants whose telling was lost, and credits that will expire."""

from datetime import datetime, timedelta

from billing.alerts.mails.expiring import expiring_tell
from billing.alerts.mails.granted import grants_look
from billing.foundation.due.registry import due_job


@due_job("grant_mails", every=timedelta(minutes=10))
def grant_mails(*, now: datetime, limit: int) -> int:
    """Tell people of credits that came in and that nobody was told of."""
    return grants_look(now=now, limit=limit)


@due_job("expiry_mails", every=timedelta(hours=1))
def expiry_mails(*, now: datetime, limit: int) -> int:
    """Tell people of credits that expire within seven days."""
    return expiring_tell(now=now, limit=limit)
