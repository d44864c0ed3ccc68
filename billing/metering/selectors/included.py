"""Allowances of the present period, also when nobody has opened it yet."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.credits import clock
from billing.metering.allowances import due_at
from billing.metering.models import Allowance


@dataclass(frozen=True)
class Included:
    """A plan's allowance of a meter: how much, how much is used, and when it starts anew."""

    meter: str
    included: Decimal
    used: Decimal
    resets_at: datetime

    @property
    def left(self) -> Decimal:
        return self.included - self.used


def allowances(workspace_id: int, now: datetime | None = None) -> list[Included]:
    """The allowances that run at `now`, by meter."""
    now = now or clock.now()
    rows = Allowance.objects.filter(workspace_id=workspace_id, starts_at__lte=now, ends_at__gt=now)
    found = [Included(row.meter, row.included, row.used, row.ends_at) for row in rows.order_by("meter", "ends_at")]
    if found:
        return found
    due = sorted(due_at(workspace_id, now), key=lambda terms: (terms.meter, terms.ends_at))
    return [Included(terms.meter, terms.included, Decimal(0), terms.ends_at) for terms in due]
