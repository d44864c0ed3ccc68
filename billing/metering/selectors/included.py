"""Allowances of the present period, also when nobody has opened it yet, and what running requests reserve of them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from billing.credits import clock
from billing.metering.allowances import due_at
from billing.metering.models import Allowance, AllowanceHold


@dataclass(frozen=True)
class Included:
    """A plan's allowance of a meter: how much, how much is used, what holds of running requests reserve, and when it
    starts anew. `left` is what a new request may use.
    """

    meter: str
    included: Decimal
    used: Decimal
    resets_at: datetime
    reserved: Decimal = Decimal(0)

    @property
    def left(self) -> Decimal:
        return max(self.included - self.used - self.reserved, Decimal(0))


def allowances(workspace_id: int, now: datetime | None = None) -> list[Included]:
    """The allowances that run at `now`, by meter."""
    now = now or clock.now()
    running = Allowance.objects.filter(workspace_id=workspace_id, starts_at__lte=now, ends_at__gt=now)
    if rows := list(running.order_by("meter", "ends_at")):
        reserved = _reserved(workspace_id, now)
        return [
            Included(row.meter, row.included, row.used, row.ends_at, reserved.get(row.pk, Decimal(0))) for row in rows
        ]
    due = sorted(due_at(workspace_id, now), key=lambda terms: (terms.meter, terms.ends_at))
    return [Included(terms.meter, terms.included, Decimal(0), terms.ends_at) for terms in due]


def _reserved(workspace_id: int, now: datetime) -> dict[int, Decimal]:
    """Quantities by allowance, of holds that are open at `now`."""
    holds = AllowanceHold.objects.filter(hold__workspace_id=workspace_id, hold__open_until__gt=now)
    sums = holds.values_list("allowance_id").annotate(Sum("quantity")).order_by()
    return dict(sums)
