"""What the packages above want to hear about plans: they append to these lists in `apps.ready()`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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


# What changed within `changes_together`, in the order in which it did.
_together: ContextVar[dict[int, None] | None] = ContextVar("subscriptions_changed", default=None)


def tell_changed(subscription_id: int) -> None:
    """Call each subscriber with the row as it stands in this transaction; within `changes_together` at its end."""
    waiting = _together.get()
    if waiting is None:
        _tell([subscription_id])
    else:
        waiting.pop(subscription_id, None)
        waiting[subscription_id] = None


@contextmanager
def changes_together() -> Iterator[None]:
    """One change that takes several steps is told once, as it stands after the last of them: each subscription once,
    and one that goes on at Stripe as another row only as that. Within one transaction, around all of the change.
    """
    if _together.get() is not None:
        yield
        return
    changed: dict[int, None] = {}
    token = _together.set(changed)
    try:
        yield
    finally:
        _together.reset(token)
    _tell(list(changed))


def _tell(ids: list[int]) -> None:
    from billing.plans.models import Subscription

    rows = Subscription.objects.select_related("workspace", "version__plan", "credit_tier", "next_version__plan")
    found = rows.in_bulk(ids)
    go_on = {row.stripe_id for row in found.values() if row.ended_at is None and row.stripe_id}
    for row in (found[pk] for pk in ids if pk in found):  # one that was undone with its savepoint never was
        if row.ended_at is not None and row.stripe_id in go_on:
            continue
        for listener in subscription_changed:
            listener(row)
