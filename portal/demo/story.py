"""A year of the demo's main workspace, through the real services with the clock set back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
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
from billing.plans.selectors import current_subscription
from portal.demo.budgets import budget_story
from portal.demo.infrastructure import RESOURCE_DAYS, infrastructure_day
from portal.demo.payments import Payments
from portal.demo.people import add_colleagues, demo_key, demo_project, demo_workspace
from portal.demo.running import correction, hold_story
from portal.demo.traffic import Pace, day_events, latest_events
from portal.demo.worker import catch_up

Progress = Callable[[float], None]

HOURLY_DAYS = 3  # the last days are reported hour by hour, so that the ledger reads like one that is in use
PROMOTION = 900  # credits given yesterday that expire in six days
BY_THE_MONTH = 0.72  # share of the story after which credits come by the month


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


@dataclass(frozen=True)
class Main:
    """The workspace, who pays for it and how, and since when its credits come by the month."""

    workspace: Workspace
    owner: User
    payments: Payments
    monthly: datetime


def main_story(
    *, owner: User, now: datetime, scale: Scale, rng: Random, progress: Progress, payments: Payments
) -> tuple[Workspace, str]:
    """Northwind AI: growing; packs at first, then a plan with monthly credits, add-ons and infrastructure; healthy
    today.
    """
    start, monthly = _start(now, scale)
    with clock.at(start):
        workspace = demo_workspace(
            owner=owner, name="Northwind AI", external_id="demo-northwind", since=start, plan_key="free"
        )
        add_colleagues(workspace, start + timedelta(days=20))
        production, staging = (demo_project(workspace, name, start) for name in ("Production", "Staging"))
        main_key, plain = demo_key(workspace, "Backend", production, start)
        test_key, _ = demo_key(workspace, "Staging", staging, start)
    main = Main(workspace, owner, payments, monthly)
    payments.subscribe(workspace, "pro", "month", by=owner, at=start + timedelta(minutes=4))
    payments.buy(workspace, "starter", by=owner, at=start + timedelta(minutes=9))
    pace = Pace(scale.first, scale.last)
    days = (now.date() - start.date()).days
    for number in range(days + 1):
        day = start.date() + timedelta(days=number)
        end = min(datetime.combine(day + timedelta(days=1), time(), UTC), now)
        morning = max(datetime.combine(day, time(0, 5), UTC), start)
        if morning <= now:
            _money(main, morning, now=now, days_left=days - number)
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


def _start(now: datetime, scale: Scale) -> tuple[datetime, datetime]:
    """So that the last period began 12 days ago; and when credits by the month begin."""
    anchor = (now - timedelta(days=12)).replace(hour=8, minute=12, second=0, microsecond=0)
    months = max(1, round(scale.days / 30.4) - 1)
    start = plus_months(anchor, -months)
    return start, plus_months(start, max(1, round(months * BY_THE_MONTH)))


def _report(
    workspace: Workspace, main_key: ApiKey, test_key: ApiKey, batch: list[EventInput], *, end: datetime, rng: Random
) -> None:
    """Most of it with the production key, some with the one for staging, which is tried every third day."""
    last = max(event.occurred_at or end for event in batch)
    staged = [event for event in batch if rng.random() < 0.27] if last.toordinal() % 3 == 0 else []
    at = min(last + timedelta(seconds=20), end)
    chosen = {event.event_id for event in staged}
    with clock.at(at):
        for key, events in ((test_key, staged), (main_key, [e for e in batch if e.event_id not in chosen])):
            if events:
                record(workspace, key, events, at)


def _money(main: Main, morning: datetime, *, now: datetime, days_left: int) -> None:
    """What happens on a day besides requests: the plan's next period begins, credits are bought or given, resources are
    made and billed.
    """
    if morning > main.monthly:  # before, it has neither resources nor add-ons
        catch_up(morning)
    evening = min(morning.replace(hour=23, minute=30), now)
    subscription = current_subscription(main.workspace.pk)
    if subscription is not None and (begins := subscription.next_period_at) <= evening:
        if main.monthly - timedelta(hours=1) <= begins < main.monthly + timedelta(hours=1):
            # Minutes before the month is over, at whose end the year begins.
            main.payments.subscribe(main.workspace, "business", "year", by=main.owner, at=main.monthly)
        if subscription.paid_until is not None and subscription.paid_until <= begins:
            main.payments.renew(main.workspace)
        catch_up(begins + timedelta(minutes=2))
    if morning < main.monthly and days_left % 3 == 0:
        _buy_when_short(main, morning.replace(hour=8, minute=40))
    if days_left == 1:
        _promotion(main.workspace, morning)
    if morning > main.monthly and days_left:
        first = max(main.monthly + timedelta(days=1), now - timedelta(days=RESOURCE_DAYS))
        infrastructure_day(main.workspace, main.owner, monthly=main.monthly, first=first, day=morning)


def _buy_when_short(main: Main, at: datetime) -> None:
    daily = average_daily_spend(main.workspace.pk, at)
    if balance(main.workspace.pk, at).available < 5 * daily:
        main.payments.buy(main.workspace, "starter" if daily < 100 * NANO else "growth", by=main.owner, at=at)


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
