"""Credits that do not cover an add-on's period: warned, 48 hours later suspended, active again when they arrive."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.due.registry import run_due
from billing.foundation.outbox.models import OutboxMessage
from billing.ledger.services import credits_adjust
from billing.ledger.tests.helpers import place, release
from billing.plans import hooks
from billing.plans.addons.attending import credits_arrived
from billing.plans.addons.errors import NotCovered
from billing.plans.addons.tests.conftest import (
    START,
    available,
    charges,
    day,
    fund,
    held,
    mails,
    on_plan,
    put,
    sound,
    work,
)
from billing.plans.limits import forget_limits, limits_for
from billing.plans.models import Subscription

pytestmark = pytest.mark.django_db
PRICE = 500 * NANO
DUE = day(2, 28)


@pytest.fixture
def told() -> Iterator[list[hooks.Shortfall]]:
    found: list[hooks.Shortfall] = []
    hooks.shortfall.append(found.append)
    yield found
    hooks.shortfall.remove(found.append)


@pytest.fixture
def short(team: Workspace) -> Workspace:
    """With 100 credits left of 600 when 500 are due, on 28 February."""
    fund(team, 600)
    put(team, "concurrency", 1, at=START)
    work(DUE)
    return team


def at_once(workspace: Workspace, at: datetime) -> int | None:
    """How many requests at the same time it may make then."""
    forget_limits(workspace.pk)
    with clock.at(at):
        return limits_for(workspace.pk).concurrency


def test_not_covered_then_48_hours_then_suspended(
    told: list[hooks.Shortfall], django_capture_on_commit_callbacks: Callable[..., Any], team: Workspace
) -> None:
    fund(team, 600)
    put(team, "concurrency", 1, at=START)
    with django_capture_on_commit_callbacks(execute=True):
        work(DUE)
    assert (charges(team), available(team)) == ([PRICE], 100 * NANO)  # nothing was deducted
    assert told == [hooks.Shortfall(team.pk, "concurrency", PRICE, 100 * NANO, day(3, 2))]
    assert told[0].missing == 400 * NANO
    assert (held(team).status, held(team).suspends_at, mails("short")) == ("short", day(3, 2), 1)
    warning = OutboxMessage.objects.get(kind="addon.short")
    assert (warning.to, "Add 400 credits before that" in warning.text) == (["alice@example.com"], True)
    work(day(3, 2, 9, 29))
    assert (held(team).status, at_once(team, day(3, 2, 9, 29))) == ("short", 7)
    work(day(3, 2))
    assert (held(team).status, mails("suspended"), at_once(team, day(3, 2))) == ("suspended", 1, 2)
    work(day(3, 20))
    assert (held(team).status, charges(team), len(told), mails("short")) == ("suspended", [PRICE], 1, 1)
    sound(team)


def test_suspended_comes_back_when_credits_arrive_charged_from_then(short: Workspace) -> None:
    work(day(3, 2))
    assert held(short).status == "suspended"
    at = day(3, 16, 9, 30)
    fund(short, 1_000, at=at, key="top-up")  # tells the subscriber, in production at once
    with clock.at(at):
        credits_arrived([short.pk])
    work(at)
    row = held(short)
    assert charges(short) == [PRICE, -(-PRICE * 15 // 31)]
    assert (row.status, row.paid_until, row.suspends_at) == ("active", day(3, 31), None)
    assert (mails("resumed"), at_once(short, at)) == (1, 7)
    work(day(3, 31))
    assert charges(short)[2:] == [PRICE]
    sound(short)


def test_a_top_up_within_48_hours_pays_the_whole_period_and_nothing_stops(short: Workspace) -> None:
    fund(short, 450, at=day(3, 1), key="top-up")
    work(day(3, 1))
    assert (charges(short), held(short).status, held(short).paid_until) == ([PRICE] * 2, "active", day(3, 31))
    assert (mails("suspended"), mails("resumed")) == (0, 0)


def test_credits_that_are_not_enough_leave_it_suspended(short: Workspace) -> None:
    work(day(3, 2))
    fund(short, 1, at=day(3, 3), key="top-up")
    work(day(3, 3, 10))
    assert (held(short).status, charges(short)) == ("suspended", [PRICE])
    work(day(3, 30, 9))  # a day would cost 16 credits, but nothing arrived
    assert held(short).status == "suspended"


def test_credits_on_hold_are_none_and_count_when_they_are_let_go_in_time(team: Workspace) -> None:
    fund(team, 1_000)
    put(team, "concurrency", 1, at=START)
    hold = place(team.pk, PRICE, now=day(2, 28, 9, 20), seconds=3600)
    work(DUE)
    assert held(team).status == "short"
    release(team.pk, hold, now=day(2, 28, 9, 40))
    work(day(2, 28, 9, 41))
    assert (held(team).status, charges(team)) == ("active", [PRICE] * 2)


def test_the_right_ends_at_48_hours_also_when_the_worker_sleeps(short: Workspace) -> None:
    assert (at_once(short, day(3, 2, 9, 29)), at_once(short, day(3, 2))) == (7, 2)


def test_less_or_none_of_what_is_not_covered_counts_at_once(team: Workspace) -> None:
    fund(team, 1_600)
    put(team, "concurrency", 3, at=START)
    work(DUE)
    with pytest.raises(NotCovered):
        put(team, "concurrency", 4, at=day(2, 28, 10))
    fund(team, 450, at=day(2, 28, 10), key="top-up")
    put(team, "concurrency", 1, at=day(2, 28, 11))
    work(day(2, 28, 11))
    assert (held(team).status, held(team).quantity, charges(team)) == ("active", 1, [3 * PRICE, PRICE])
    with clock.at(day(3, 1)):
        credits_adjust(workspace_id=team.pk, key="out", amount=-available(team), reason="Test", actor="tests")
    work(day(3, 31))
    put(team, "concurrency", 0, at=day(3, 31, 12))
    assert (held(team).status, held(team).ended_at) == ("ended", day(3, 31, 12))
    assert work(day(6, 1)) == 0
    sound(team)


def test_less_of_what_is_suspended_comes_back_where_the_credits_cover_it(team: Workspace) -> None:
    fund(team, 2_100)
    put(team, "concurrency", 3, at=START)
    work(DUE)
    work(day(3, 2))
    assert (held(team).status, available(team)) == ("suspended", 600 * NANO)
    put(team, "concurrency", 1, at=day(3, 16))
    work(day(3, 16))
    assert (held(team).status, charges(team)) == ("active", [3 * PRICE, -(-PRICE * 15 // 31)])
    sound(team)


def test_after_an_outage_a_person_still_has_48_hours(team: Workspace) -> None:
    fund(team, 1_100)
    put(team, "concurrency", 1, at=START)
    work(day(5, 10))  # February is covered, March is not
    assert (charges(team), held(team).status, held(team).suspends_at) == ([PRICE] * 2, "short", day(5, 12))
    work(day(5, 12))
    assert held(team).status == "suspended"


def test_credits_of_the_period_that_begins_with_it_are_waited_for(alice: User) -> None:
    team = on_plan(alice, monthly_credits=PRICE)
    put(team, "concurrency", 1, at=START)
    work(DUE)
    assert (held(team).status, mails("short")) == ("active", 0)
    with clock.at(DUE):
        run_due(only="plan_periods")
    work(DUE + timedelta(minutes=1))
    assert (held(team).status, charges(team)) == ("active", [PRICE] * 2)


def test_a_renewal_that_is_being_paid_is_waited_for_a_day_a_failed_one_is_not(alice: User) -> None:
    team = on_plan(alice, monthly_credits=PRICE)
    put(team, "concurrency", 1, at=START)
    Subscription.objects.filter(workspace=team).update(paid_until=DUE)
    work(DUE + timedelta(hours=23))
    assert held(team).status == "active"
    Subscription.objects.filter(workspace=team).update(status="past_due")
    work(DUE + timedelta(hours=23, minutes=1))
    assert (held(team).status, mails("short")) == ("short", 1)
