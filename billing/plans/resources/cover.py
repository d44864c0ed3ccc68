"""The 48-hour warning: told, taken back, or followed by the signal to shut down, after which it is told when things may
run again; each once per fall of the balance.

Every decision is made under the wallet's lock, so no credits come in between the look and what follows from it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from django.db import transaction

from billing.foundation import hostclock
from billing.ledger import hooks as ledger_hooks
from billing.ledger.models import Wallet
from billing.plans.models import Resource, ShutdownWarning
from billing.plans.resources import hooks
from billing.plans.resources.cost import DAYS_COVERED, Cover, cover
from billing.plans.resources.emails import tell_again, tell_shutdown, tell_warning
from billing.plans.resources.hooks import Shutdown, Standing
from billing.plans.resources.kinds import DAILY

NOTICE = timedelta(hours=48)
Step = Literal["warn", "end", "stop"]


def open_warning(workspace_id: int) -> ShutdownWarning | None:
    """The one that holds, if any."""
    return ShutdownWarning.objects.filter(workspace_id=workspace_id, ended_at=None).first()


def credits_came(workspace_ids: Sequence[int]) -> None:
    """Subscriber of `credits_came_in`: a top-up takes the warning back at once, not with the next look."""
    warnings = ShutdownWarning.objects.filter(workspace_id__in=workspace_ids)
    holding = set(warnings.filter(ended_at=None).values_list("workspace_id", flat=True))
    stopped = set(warnings.exclude(stopping_at=None).values_list("workspace_id", flat=True))
    for workspace_id in sorted(holding):
        cover_check(workspace_id)
    for workspace_id in sorted(stopped - holding):
        _after_shutdown(workspace_id, hostclock.present())


def _after_shutdown(workspace_id: int, now: datetime) -> None:
    """No warning holds any more of what was shut down: credits that came may let it run again."""
    with transaction.atomic():
        Wallet.objects.select_for_update(no_key=True).filter(pk=workspace_id).first()
        last = ShutdownWarning.objects.filter(workspace_id=workspace_id).first()
        if last is None or last.stopping_at is None or last.ended_at is None:
            return
        since = Resource.objects.filter(workspace_id=workspace_id, kind__in=DAILY, created_at__gt=last.ended_at)
        if not since.exists():
            _tell_again(last, cover(workspace_id, now), now)


def _tell_again(warning: ShutdownWarning, found: Cover, now: datetime) -> None:
    """Once, when what was shut down may run again: the balance covers 48 hours of what all of it cost when the shutdown
    was signalled, of which some may be deleted by now. Under the wallet's lock.
    """
    if not found.enough:
        return
    # Where as much runs as then, `enough` has said so, with what the plan includes.
    if found.daily_cost >= warning.daily_cost or found.balance >= DAYS_COVERED * warning.daily_cost:
        cost = max(found.daily_cost, warning.daily_cost)
        tell_again(warning, balance=found.balance, daily_cost=cost)
        _say(Standing("recovered", warning, found.balance, cost, now))


def cover_check(workspace_id: int, *, now: datetime | None = None) -> None:
    """Do what the balance and the time ask for, if anything."""
    now = now or hostclock.present()
    if _step(open_warning(workspace_id), cover(workspace_id, now), now) is None:
        return
    with transaction.atomic():
        Wallet.objects.select_for_update(no_key=True).filter(pk=workspace_id).first()
        warning, found = open_warning(workspace_id), cover(workspace_id, now)
        match _step(warning, found, now):
            case "warn":
                _warn(workspace_id, found, now)
            case "end" if warning is not None:
                warning.ended_at = max(now, warning.warned_at)
                warning.save(update_fields=["ended_at"])
                if warning.stopping_at is not None:
                    _tell_again(warning, found, now)
                else:
                    _say(Standing("recovered", warning, found.balance, found.daily_cost, now))
            case "stop" if warning is not None:
                _stop(warning, found, now)


def _step(warning: ShutdownWarning | None, found: Cover, now: datetime) -> Step | None:
    if warning is None:
        return None if found.enough else "warn"
    if found.enough:
        return "end"
    return "stop" if warning.stopping_at is None and now >= warning.shutdown_at else None


def _warn(workspace_id: int, found: Cover, now: datetime) -> None:
    # Without a wallet there was nothing to lock: the unique constraint lets one of two win.
    warning, made = ShutdownWarning.objects.get_or_create(
        workspace_id=workspace_id,
        ended_at=None,
        defaults={
            "warned_at": now,
            "shutdown_at": now + NOTICE,
            "daily_cost": found.daily_cost,
            "balance": found.balance,
        },
    )
    if made:
        tell_warning(warning)
        _say(Standing("warning", warning, found.balance, found.daily_cost, now))


def _stop(warning: ShutdownWarning, found: Cover, now: datetime) -> None:
    warning.stopping_at, warning.daily_cost = now, found.daily_cost
    warning.save(update_fields=["stopping_at", "daily_cost"])
    tell_shutdown(warning, found)
    news = Shutdown(warning.workspace_id, warning.pk, warned_at=warning.warned_at, at=now)
    ledger_hooks.tell(hooks.resource_shutdown, news)
    _say(Standing("shutdown", warning, found.balance, found.daily_cost, now))


def _say(standing: Standing) -> None:
    for listener in hooks.resource_standing:
        listener(standing)
