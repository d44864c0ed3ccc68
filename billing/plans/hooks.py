"""What the packages above want to hear about plans: they append to these lists in `apps.ready()`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.plans.models import Subscription


@dataclass(frozen=True, slots=True)
class Shortfall:
    """The credits of a workspace do not cover an add-on's period. Nano-credits: what it needs and what was there.
    Nothing was deducted. Credits that arrive are used for it at once, without being asked again.
    """

    workspace_id: int
    addon: str  # its key
    needed: int
    available: int
    suspends_at: datetime

    @property
    def missing(self) -> int:
        return self.needed - self.available


# A top-up may answer it. Told after the commit, when the period is found not to be covered, not again while that lasts.
shortfall: list[Callable[[Shortfall], None]] = []

# A subscription began, changed (plan, tier, interval, payment, or what is to come), or ended; told in the transaction
# in which that happens, with the row as it is then. They must not wait for anything, and what they raise undoes it.
subscription_changed: list[Callable[[Subscription], None]] = []


def tell_changed(subscription_id: int) -> None:
    """Call each subscriber with the row as it stands in this transaction."""
    from billing.plans.models import Subscription

    rows = Subscription.objects.select_related("workspace", "version__plan", "credit_tier", "next_version__plan")
    row = rows.get(pk=subscription_id)
    for listener in subscription_changed:
        listener(row)
