"""The due job opens one period after the other, each exactly once."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.ledger.models import Lot, Operation
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust, credits_grant
from billing.metering.models import Allowance
from billing.plans.models import Plan, PlanVersion, Subscription
from billing.plans.services import roll_one, workspace_open

START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
CREDIT = 10**9


def team_workspace(alice: User, *, rollover: int = 0, name: str = "Team") -> Workspace:
    plan, _ = Plan.objects.get_or_create(key="team", name="Team")
    PlanVersion.objects.get_or_create(
        plan=plan,
        number=1 + rollover,
        defaults={
            "monthly_credits": 100 * CREDIT,
            "rollover_months": rollover,
            "allowances": {"input_characters": "1000", "messages": "20"},
            "published_at": START,
        },
    )
    with clock.at(START):
        return workspace_open(name=name, owner=alice, plan_key="team")


def roll(at: datetime) -> int:
    with clock.at(at):
        [run] = run_due(only="plan_periods")
    assert run.error == ""
    return run.items


@pytest.mark.django_db
def test_nothing_happens_before_the_period_is_over(alice: User) -> None:
    team_workspace(alice)
    assert roll(datetime(2026, 2, 28, 9, 29, 59, tzinfo=UTC)) == 0


@pytest.mark.django_db
def test_next_period_opens_on_its_date_and_only_once(alice: User) -> None:
    workspace = team_workspace(alice)
    at = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
    assert roll(at) == 1
    assert roll(at) == 0
    assert Lot.objects.filter(workspace=workspace).count() == 2
    assert Allowance.objects.filter(workspace=workspace).count() == 6  # one period ahead
    subscription = Subscription.objects.get(workspace=workspace)
    assert (subscription.period, subscription.next_period_at) == (1, datetime(2026, 3, 31, 9, 30, tzinfo=UTC))


@pytest.mark.django_db
def test_missed_periods_are_caught_up_with_their_own_dates_and_keys(alice: User) -> None:
    workspace = team_workspace(alice, rollover=2)
    now = datetime(2026, 5, 15, tzinfo=UTC)
    assert roll(now) == 3
    assert roll(now) == 0  # catching up twice is once
    lots = list(Lot.objects.filter(workspace=workspace).order_by("effective_at"))
    assert [lot.effective_at.date().isoformat() for lot in lots] == [
        "2026-01-31",
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
    ]
    assert [lot.label for lot in lots][1:] == [
        "Team plan, February 2026",
        "Team plan, March 2026",
        "Team plan, April 2026",
    ]
    assert [lot.expires_at for lot in lots][:2] == [
        datetime(2026, 4, 30, 9, 30, tzinfo=UTC),
        datetime(2026, 5, 31, 9, 30, tzinfo=UTC),
    ]
    subscription = Subscription.objects.get(workspace=workspace)
    keys = set(Operation.objects.filter(workspace=workspace, namespace="plan").values_list("key", flat=True))
    assert {f"plan:{subscription.pk}:{period}" for period in range(4)} <= keys
    assert balance(workspace.pk, now=now).available == 300 * CREDIT  # the first lot is over


@pytest.mark.django_db
def test_run_at_once_and_step_by_step_end_alike(alice: User) -> None:
    stepwise, at_once = team_workspace(alice, name="A"), team_workspace(alice, name="B")
    Subscription.objects.filter(workspace=at_once).update(next_period_at=datetime(2027, 1, 1, tzinfo=UTC))
    now = START
    for _ in range(30):
        now += timedelta(days=4)
        roll(now)
    Subscription.objects.filter(workspace=at_once).update(next_period_at=datetime(2026, 2, 28, 9, 30, tzinfo=UTC))
    roll(now)
    periods = [
        list(Lot.objects.filter(workspace=one).order_by("effective_at").values_list("effective_at", "expires_at"))
        for one in (stepwise, at_once)
    ]
    assert periods[0] == periods[1]
    assert balance(stepwise.pk, now=now).available == balance(at_once.pk, now=now).available == 100 * CREDIT


@pytest.mark.django_db
def test_late_credits_still_repay_the_debt_of_their_time(alice: User) -> None:
    workspace = team_workspace(alice)
    now = datetime(2026, 3, 15, tzinfo=UTC)
    roll(now)
    with clock.at(now):
        left = balance(workspace.pk, now=now).available
        credits_adjust(workspace_id=workspace.pk, key="spent", amount=-left, reason="spent", actor="test")
        assert balance(workspace.pk, now=now).available == 0
    assert roll(datetime(2026, 4, 1, tzinfo=UTC)) == 1
    assert balance(workspace.pk, now=datetime(2026, 4, 1, tzinfo=UTC)).available == 100 * CREDIT


@pytest.mark.django_db
def test_one_broken_subscription_keeps_nobody_else_waiting(alice: User) -> None:
    broken, fine = team_workspace(alice, name="Broken"), team_workspace(alice, name="Fine")
    subscription = Subscription.objects.get(workspace=broken)
    credits_grant(  # somebody used the key of its next period for something else
        workspace_id=broken.pk, namespace="plan", key=f"plan:{subscription.pk}:1", amount=1, label="odd"
    )
    with clock.at(datetime(2026, 3, 1, tzinfo=UTC)):
        [run] = run_due(only="plan_periods")
    assert f"[{subscription.pk}]" in run.error
    assert Subscription.objects.get(workspace=fine).period == 1
    assert Subscription.objects.get(workspace=broken).period == 0


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_moment_open_each_period_once(alice: User) -> None:
    workspaces = [team_workspace(alice, name=f"W{number}") for number in range(3)]
    now = datetime(2026, 4, 2, tzinfo=UTC)
    errors: list[Exception] = []

    def work() -> None:
        try:
            while roll_one(now=now):
                pass
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    roll(now)
    assert errors == []
    for workspace in workspaces:
        assert Subscription.objects.get(workspace=workspace).period == 2
        assert Lot.objects.filter(workspace=workspace).count() == 3
        assert Allowance.objects.filter(workspace=workspace).count() == 8
