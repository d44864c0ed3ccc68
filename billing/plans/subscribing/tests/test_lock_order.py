"""The workspace's row, then its subscription's: whoever begins or ends a subscription takes them in this order."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.gateway.subscriptions import subscription
from billing.plans.models import Subscription
from billing.plans.periods.life import subscription_end
from billing.plans.selectors import current_subscription
from billing.plans.subscribing.state import subscription_apply
from billing.plans.subscribing.tests.conftest import Till
from billing.plans.subscribing.tests.test_in_between import _until_one_waits

pytestmark = pytest.mark.django_db(transaction=True)


def beside(act: Callable[[], Any], found: list[Any]) -> threading.Thread:
    """Runs in a transaction of its own; what it returns or raises is found."""

    def run() -> None:
        try:
            found.append(act())
        except Exception as error:
            found.append(error)
        finally:
            connection.close()

    return threading.Thread(target=run)


def test_ending_waits_for_the_workspace_and_holds_no_subscription_meanwhile(till: Till) -> None:
    """Else this one would hold the subscription and wait for the workspace, and the other the other way round."""
    row = till.row
    with till.time() as now:
        end, found = now - timedelta(seconds=1), []

        def ends() -> Any:
            with clock.at(now):
                return subscription_end(row.pk, at=end, now=now)

        thread = beside(ends, found)
        with transaction.atomic():
            Workspace.objects.select_for_update(no_key=True).get(pk=till.workspace.pk)
            thread.start()
            _until_one_waits()
            Subscription.objects.select_for_update(no_key=True, nowait=True).get(pk=row.pk)
        thread.join(20)
    assert found == [current_subscription(till.workspace.pk)]
    assert found[0].pk != row.pk


def test_the_job_that_ends_plans_leaves_out_whose_workspace_is_busy(till: Till) -> None:
    row = till.row
    with till.time() as now:
        Subscription.objects.filter(pk=row.pk).update(ends_at=now - timedelta(minutes=1))
        found: list[Any] = []

        def ends() -> Any:
            with clock.at(now):
                return run_due(only="plan_ends")[0]

        with transaction.atomic():
            Workspace.objects.select_for_update(no_key=True).get(pk=till.workspace.pk)
            thread = beside(ends, found)
            thread.start()
            thread.join(20)
            row.refresh_from_db()
            assert ([(run.error, run.items) for run in found], row.ended_at) == ([("", 0)], None)
        (run,) = run_due(only="plan_ends")
    row.refresh_from_db()
    assert (run.error, run.items, row.ended_at) == ("", 1, row.ends_at)


def test_a_plan_that_ends_while_it_is_paid_for_another(till: Till) -> None:
    """What Stripe says is applied and the free plan ends, again and again at the same time: nobody is thrown out."""
    till.start("plus")
    row = till.row
    with till.time() as now:
        state = subscription(str(row.stripe_id))
        found: list[Any] = []
        start = threading.Barrier(4)

        def applies() -> Any:
            start.wait(20)
            with clock.at(now):
                return [subscription_apply(state, now=now) for _ in range(5)]

        def ends() -> Any:
            start.wait(20)
            with clock.at(now):
                return [subscription_end(row.pk, at=now, now=now) for _ in range(5)]

        threads = [beside(act, found) for act in (applies, ends, applies, ends)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    errors = [each for each in found if isinstance(each, Exception)]
    assert all("goes on at Stripe" in str(error) for error in errors), errors  # it was ended here first
    assert len(found) == 4
    assert Subscription.objects.filter(workspace=till.workspace, ended_at=None).count() == 1
    till.sound()
