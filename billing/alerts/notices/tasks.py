"""By the clock: old notices."""

from datetime import datetime, timedelta

from billing.alerts.notices.services import notices_forget
from billing.foundation.due.registry import due_job


@due_job("notices", every=timedelta(hours=24))
def notices(*, now: datetime, limit: int) -> int:
    """Delete notices that were read, 90 days after they came, and all after a year."""
    return notices_forget(now=now, limit=limit)
