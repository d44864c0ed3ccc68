"""Small workspaces that show the other states: low, stopped, new."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from accounts.models import ApiKey, User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.metering.events import EventInput
from billing.plans.calendar import plus_months
from billing.plans.low import low_bound_refresh
from billing.plans.resources.cover import cover_check
from billing.plans.selectors import current_subscription
from portal.demo.infrastructure import addon, runs
from portal.demo.payments import Payments
from portal.demo.people import demo_key, demo_workspace
from portal.demo.story import record
from portal.demo.traffic import Pace, day_events
from portal.demo.worker import catch_up


def low_story(*, owner: User, now: datetime, rng: Random, payments: Payments) -> Workspace:
    """Fjord Voice: a month on the Pro plan has eaten a gift of credits down to the last day; what its add-on costs for
    the new period was not there.
    """
    renewed = now - timedelta(days=3)
    start = plus_months(renewed, -1)
    workspace, key = _small(owner, "Fjord Voice", "demo-fjord", start - timedelta(hours=1))
    payments.subscribe(workspace, "pro", "month", by=owner, at=start)
    _gift(workspace, start + timedelta(minutes=5), 1_000, "Trial credits")
    with clock.at(start + timedelta(minutes=20)):
        addon("concurrency", 1)(workspace, owner)

    def day(until: datetime) -> None:
        row = current_subscription(workspace.pk)
        if row is not None and row.paid_until and row.paid_until <= until:
            payments.renew(workspace)
        catch_up(until)

    _spend_down(workspace, key, now=now, to=Decimal(70), rng=rng, each_day=day)
    low_bound_refresh(workspace.pk)
    return workspace


def stopped_story(*, owner: User, now: datetime, rng: Random) -> Workspace:
    """Kite Labs: used more than it had; new requests are declined until the debt is paid, and what runs is to be shut
    down.
    """
    start = now - timedelta(days=9)
    workspace, key = _small(owner, "Kite Labs", "demo-kite", start)
    _gift(workspace, start, 800, "Trial credits")

    def day(until: datetime) -> None:
        catch_up(until)
        cover_check(workspace.pk, now=until)
        if (until - start).days == 5:
            with clock.at(until):
                runs("ctr-agents", "container", "1", "Agents, staging", "")(workspace, owner)

    _spend_down(workspace, key, now=now, to=Decimal(-12), rng=rng, each_day=day)
    low_bound_refresh(workspace.pk)
    return workspace


def new_story(*, owner: User, now: datetime) -> Workspace:
    """Harbor Studio: made a moment ago, never had credits."""
    return _small(owner, "Harbor Studio", "demo-harbor", now)[0]


def _small(owner: User, name: str, external_id: str, since: datetime) -> tuple[Workspace, ApiKey]:
    with clock.at(since):
        workspace = demo_workspace(owner=owner, name=name, external_id=external_id, since=since, plan_key="free")
        key, _ = demo_key(workspace, "Backend", None, since)
    return workspace, key


def _gift(workspace: Workspace, at: datetime, credits: int, label: str) -> None:
    with clock.at(at):
        credits_grant(
            workspace_id=workspace.pk,
            key="demo:gift",
            amount=credits * NANO,
            label=label,
            expires_at=at + timedelta(days=60),
            actor="demo",
            reason="demo data",
        )


def _spend_down(
    workspace: Workspace, key: ApiKey, *, now: datetime, to: Decimal, rng: Random, each_day: Callable[[datetime], None]
) -> None:
    """Usage day by day, evenly, until the balance (debt counts as negative) is at `to` credits, within a little. What
    else happens on a day comes first.
    """
    start = workspace.created_at
    first = balance(workspace.pk, start + timedelta(hours=2)).available
    goal = int(to * NANO)
    days = max((now - start).days, 1)
    for number in range(days):
        end = start + (now - start) * (number + 1) / days
        target = first + (goal - first) * (number + 1) // days
        last_day = number == days - 1
        each_day(end - timedelta(minutes=450))
        for attempt in range(40):
            left = _left(workspace, end)
            if left <= target:
                break
            events = _some_events(
                start + (end - start), 3 if left - target < 40 * NANO else 9, rng, f"{number}_{attempt}"
            )
            moment = end - timedelta(minutes=40 - attempt) if last_day else end - timedelta(minutes=400 - 10 * attempt)
            placed = [_at(event, moment) for event in events]
            with clock.at(moment):
                record(workspace, key, placed, moment)


def _left(workspace: Workspace, at: datetime) -> int:
    found = balance(workspace.pk, at)
    return found.available - found.debt


def _some_events(at: datetime, count: int, rng: Random, prefix: str) -> list[EventInput]:
    return day_events(day=at.date(), progress=1.0, pace=Pace(count, count), rng=rng, prefix=f"req_{prefix}")[:count]


def _at(event: EventInput, moment: datetime) -> EventInput:
    return event._replace(occurred_at=moment - timedelta(seconds=5))
