from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.due.registry import jobs, run_due
from billing.ledger.models import Wallet
from billing.metering.low import low_bound, refresh_low_bound
from billing.metering.tests.conftest import NOW, event, fund

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]
CREDIT = 10**9


def test_a_tenth_of_the_plans_present_credits(workspace: Workspace, noon: datetime) -> None:
    month = timedelta(days=30)
    fund(workspace, 500, key="rolled over", source="plan", effective_at=noon - month, expires_at=noon + month)
    fund(workspace, 1000, key="now", source="plan", effective_at=noon - month / 2, expires_at=noon + month)
    fund(workspace, 7000, key="next", source="plan", effective_at=noon + month / 2, expires_at=noon + 2 * month)
    fund(workspace, 9000, key="pack", source="bought")
    assert low_bound(workspace.pk) == 100 * CREDIT


def test_without_a_plan_a_tenth_of_the_open_lots(workspace: Workspace, noon: datetime) -> None:
    fund(workspace, 300)
    fund(workspace, 200, key="gift", source="bought")
    assert low_bound(workspace.pk) == 50 * CREDIT


def test_three_days_of_spend_when_that_is_more(record: Record, workspace: Workspace, noon: datetime) -> None:
    with clock.at(noon - timedelta(days=6, hours=12, minutes=30)):
        fund(workspace, 1000)
        record(event("start", model="", usage={"messages": 1}))
    record(event("busy", model="", usage={"messages": 649}))
    # 650 credits in the six and a half days since the first usage
    assert low_bound(workspace.pk) == 300 * CREDIT


def test_a_first_day_counts_as_a_whole_one(record: Record, workspace: Workspace, noon: datetime) -> None:
    fund(workspace, 1000)
    record(event("busy", model="", usage={"messages": 50}))
    assert low_bound(workspace.pk) == 150 * CREDIT


def test_a_grant_moves_the_bound(workspace: Workspace, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        fund(workspace, 300)
    assert Wallet.objects.get(pk=workspace.pk).low_bound == 30 * CREDIT


def test_the_hourly_job_follows_the_pace_up_and_down(record: Record, workspace: Workspace, noon: datetime) -> None:
    fund(workspace, 1000)
    record(event("busy", model="", usage={"messages": 400}))
    assert "refresh_low_bounds" in {job.name for job in jobs()}
    assert [run.error for run in run_due(only="refresh_low_bounds")] == [""]
    assert Wallet.objects.get(pk=workspace.pk).low_bound == 1200 * CREDIT
    with clock.at(NOW + timedelta(days=9)):
        run_due(only="refresh_low_bounds")
    assert Wallet.objects.get(pk=workspace.pk).low_bound == 100 * CREDIT


def test_a_workspace_without_a_wallet_gets_none(workspace: Workspace) -> None:
    refresh_low_bound(workspace.pk)
    assert not Wallet.objects.exists()
