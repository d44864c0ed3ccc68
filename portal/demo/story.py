"""A year of the demo's main workspace, through the real services with the clock set back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from random import Random

from accounts.models import ApiKey, User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.metering.events import EventInput, Source
from billing.metering.record import usage_record_batch
from billing.metering.selectors.forecast import average_daily_spend
from billing.plans.calendar import plus_months
from billing.plans.services import roll_one
from portal.demo.budgets import budget_story
from portal.demo.people import PLAN, add_colleagues, demo_key, demo_project, demo_workspace
from portal.demo.running import correction, hold_story
from portal.demo.traffic import Pace, day_events, latest_events

Progress = Callable[[float], None]

HOURLY_DAYS = 3  # the last days are reported hour by hour, so that the ledger reads like one that is in use
RUNWAY_DAYS = 17
PROMOTION = 900  # credits given yesterday that expire in six days
FACE_VALUE = Decimal("0.005")


@dataclass(frozen=True)
class Scale:
    """How much is made: the tests tell a shorter story."""

    days: int = 365
    first: float = 26
    last: float = 120


def batches(events: list[EventInput], *, hourly: bool) -> list[list[EventInput]]:
    if not hourly:
        return [events] if events else []
    return [list(group) for _, group in groupby(events, key=lambda event: (event.occurred_at or clock.now()).hour)]


def record(workspace: Workspace, key: ApiKey, events: list[EventInput], now: datetime) -> None:
    source = Source("workspace", key.pk, key.project_id)
    result = usage_record_batch(workspace_id=workspace.pk, source=source, events=events, now=now)
    if result.rejected or result.unrated:
        raise RuntimeError(f"the demo's own usage is not understood: {(result.rejected + result.unrated)[0]}")


def main_story(*, owner: User, now: datetime, scale: Scale, rng: Random, progress: Progress) -> tuple[Workspace, str]:
    """Northwind AI: on a plan with monthly credits, growing, with bought and promotional credits; healthy today."""
    start = _start(now, scale)
    with clock.at(start):
        workspace = demo_workspace(
            owner=owner, name="Northwind AI", external_id="demo-northwind", since=start, plan_key=PLAN
        )
        add_colleagues(workspace, start + timedelta(days=20))
        production, staging = (demo_project(workspace, name, start) for name in ("Production", "Staging"))
        main_key, plain = demo_key(workspace, "Backend", production, start)
        test_key, _ = demo_key(workspace, "Staging", staging, start)
    pace = Pace(scale.first, scale.last)
    days = (now.date() - start.date()).days
    for number in range(days + 1):
        day = start.date() + timedelta(days=number)
        end = min(datetime.combine(day + timedelta(days=1), time(), UTC), now)
        _money(workspace, max(datetime.combine(day, time(0, 5), UTC), start), end, days_left=days - number)
        events = day_events(day=day, progress=number / max(days, 1), pace=pace, rng=rng, until=end)
        events = [event for event in events if event.occurred_at and event.occurred_at >= start]
        for batch in batches(events, hourly=days - number < HOURLY_DAYS):
            _report(workspace, main_key, test_key, batch, end=end, rng=rng)
        progress((number + 1) / (days + 1))
    hold_story(workspace, main_key, now=now, rng=rng)
    record(workspace, main_key, latest_events(now=now, count=3, rng=rng), now)
    correction(workspace, now=now)
    budget_story(workspace, owner=owner, now=now)
    ApiKey.objects.filter(pk__in=(main_key.pk, test_key.pk)).update(last_used_at=now)
    return workspace, plain


def _start(now: datetime, scale: Scale) -> datetime:
    """So that the last period began 12 days ago and no new one begins before the runway is over."""
    anchor = (now - timedelta(days=12)).replace(hour=8, minute=12, second=0, microsecond=0)
    return plus_months(anchor, -max(1, round(scale.days / 30.4) - 1))


def _report(
    workspace: Workspace, main_key: ApiKey, test_key: ApiKey, batch: list[EventInput], *, end: datetime, rng: Random
) -> None:
    """Most of it with the production key, some with the one for staging."""
    staged = [event for event in batch if rng.random() < 0.09]
    last = max(event.occurred_at or end for event in batch)
    at = min(last + timedelta(seconds=20), end)
    chosen = {event.event_id for event in staged}
    with clock.at(at):
        for key, events in ((test_key, staged), (main_key, [e for e in batch if e.event_id not in chosen])):
            if events:
                record(workspace, key, events, at)


def _money(workspace: Workspace, morning: datetime, end: datetime, *, days_left: int) -> None:
    """What happens on a day besides usage: credits are bought or given, the plan's next period begins."""
    if days_left > 9 and days_left % 3 == 0:
        _buy_when_short(workspace, morning)
    if days_left == 9:
        _buy_for_the_runway(workspace, morning)
    if days_left == 1:
        _promotion(workspace, morning)
    begins = workspace.subscription.next_period_at
    if begins <= end:
        with clock.at(begins):
            roll_one(now=begins)
        workspace.subscription.refresh_from_db()


def _buy_when_short(workspace: Workspace, at: datetime) -> None:
    if balance(workspace.pk, at).available < 5 * average_daily_spend(workspace.pk, at):
        _buy(workspace, at, 2_500)


def _buy_for_the_runway(workspace: Workspace, at: datetime) -> None:
    """So that today, nine days later, about RUNWAY_DAYS are left."""
    daily = average_daily_spend(workspace.pk, at)
    missing = (RUNWAY_DAYS + 9) * daily - balance(workspace.pk, at).available - PROMOTION * NANO
    _buy(workspace, at, max(int(missing / (500 * NANO)) + 1, 2) * 500)


def _promotion(workspace: Workspace, at: datetime) -> None:
    with clock.at(at):
        credits_grant(
            workspace_id=workspace.pk,
            key="demo:promotion",
            amount=PROMOTION * NANO,
            source="promotion",
            label="Launch week bonus",
            expires_at=at + timedelta(days=7, hours=18),
            actor="demo",
            reason="demo data",
        )


def _buy(workspace: Workspace, at: datetime, credits: int) -> None:
    with clock.at(at):
        credits_grant(
            workspace_id=workspace.pk,
            key=f"demo:pack:{at:%Y-%m-%d}",
            amount=credits * NANO,
            source="bought",
            label=f"{credits:,} credits",
            expires_at=plus_months(at, 12),
            unit_price_usd=FACE_VALUE,
            actor="demo",
            reason="demo data",
        )
