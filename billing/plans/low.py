"""Below which balance a workspace counts as low.

What it has set itself (`own_bounds`, filled in by billing.alerts); otherwise a tenth of the credits granted for the
period (bought ones not counted, unless there are no others), or three days at the pace of the last week, whichever is
more.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from billing.credits import clock
from billing.ledger.models import Wallet
from billing.ledger.selectors import granted_since
from billing.ledger.services import low_bounds_set
from billing.metering.models import HourTotal
from billing.metering.selectors.forecast import average_daily_spend
from billing.plans.models import Subscription
from billing.plans.schedules import schedule_of

SHARE = 10  # a tenth
DAYS = 3


@dataclass(frozen=True, slots=True)
class Own:
    """What a workspace has set: nano-credits, days at the pace of the last week, or both, whichever is more."""

    credits: int | None
    days: int | None


# Argument: workspaces; those that have set something themselves.
own_bounds: list[Callable[[Sequence[int]], Mapping[int, Own]]] = []


def low_bounds_follow(workspace_ids: Sequence[int]) -> None:
    """Subscriber of `credits_came_in`."""
    low_bounds_refresh(workspace_ids, now=clock.now())


def low_bound_refresh(workspace_id: int) -> None:
    """Work the bound out and keep it on the wallet, where every spend sees it."""
    low_bounds_refresh([workspace_id], now=clock.now())


def low_bounds_refresh(workspace_ids: Sequence[int], *, now: datetime) -> None:
    bounds = low_bounds(workspace_ids, now=now)
    known = dict(Wallet.objects.filter(pk__in=workspace_ids).values_list("pk", "low_bound"))
    changed = {pk: bound for pk, bound in bounds.items() if known.get(pk) != bound}
    if changed:
        low_bounds_set(changed, now=now)


def low_bounds(workspace_ids: Sequence[int], *, now: datetime) -> dict[int, int]:
    """Nano-credits by workspace: its own bound, else the default one."""
    own = {pk: each for ask in own_bounds for pk, each in ask(workspace_ids).items()}
    found = default_low_bounds([pk for pk in workspace_ids if pk not in own], now=now)
    for pk, each in own.items():
        pace = average_daily_spend(pk, now) if each.days else 0
        found[pk] = max(each.credits or 0, int((each.days or 0) * pace))
    return found


def default_low_bound(workspace_id: int, *, now: datetime) -> int:
    return default_low_bounds([workspace_id], now=now)[workspace_id]


def default_low_bounds(workspace_ids: Sequence[int], *, now: datetime) -> dict[int, int]:
    """Nano-credits by workspace."""
    starts = dict.fromkeys(workspace_ids, now - timedelta(days=30))
    current = Subscription.objects.filter(workspace_id__in=workspace_ids, ended_at=None)
    for subscription in current.select_related("version"):
        schedule = schedule_of(subscription)
        starts[subscription.workspace_id] = schedule.start(schedule.at(now))
    given = granted_since(starts, now)
    used = set(_in_use(now).filter(workspace_id__in=workspace_ids))
    paces = {pk: int(DAYS * average_daily_spend(pk, now)) if pk in used else 0 for pk in workspace_ids}
    return {pk: max(given[pk] // SHARE, paces[pk]) for pk in workspace_ids}


def workspaces_in_use(now: datetime) -> list[int]:
    """Those whose pace may have changed: usage in the last two weeks."""
    return sorted(_in_use(now))


def _in_use(now: datetime) -> QuerySet[HourTotal, int]:
    # The hour that it is then counts in whole: an average looks at whole hours.
    used = HourTotal.objects.filter(hour__gte=now - timedelta(days=14, hours=1))
    return used.values_list("workspace_id", flat=True).distinct()
