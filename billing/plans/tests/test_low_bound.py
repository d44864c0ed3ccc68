"""The balance below which a workspace counts as low."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.ledger.models import Wallet
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust, credits_grant
from billing.metering.models import HourTotal
from billing.plans.low import default_low_bound, low_bound_refresh
from billing.plans.services import plan_start

pytestmark = pytest.mark.django_db
CREDIT = 10**9
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.fixture
def customer(workspace: Workspace) -> Workspace:
    plan_start(workspace=workspace, now=NOW - timedelta(days=45))
    return workspace


def grant(workspace: Workspace, credits: int, *, source: str = "promotion", at: datetime = NOW) -> None:
    credits_grant(
        workspace_id=workspace.pk,
        key=f"{source}{at}",
        amount=credits * CREDIT,
        source=source,
        label="Test",
        effective_at=at,
        now=at,
    )


def test_a_tenth_of_the_credits_given_in_the_period(customer: Workspace) -> None:
    grant(customer, 700, at=NOW - timedelta(days=40))  # of the period before
    grant(customer, 1_000, source="plan")
    grant(customer, 500)
    grant(customer, 9_000, source="bought")
    assert default_low_bound(customer.pk, now=NOW) == 150 * CREDIT


def test_a_tenth_of_what_was_bought_when_nothing_else_is_there(customer: Workspace) -> None:
    grant(customer, 300, source="bought")
    assert default_low_bound(customer.pk, now=NOW) == 30 * CREDIT


def test_three_days_at_the_present_pace_if_that_is_more(customer: Workspace) -> None:
    grant(customer, 1_000)
    for day in range(8):
        hour = (NOW - timedelta(days=day)).replace(minute=0)
        HourTotal.objects.create(workspace=customer, hour=hour, amount=70 * CREDIT, requests=1)
    assert 200 * CREDIT < default_low_bound(customer.pk, now=NOW) < 250 * CREDIT


def test_a_grant_sets_the_bound_and_spending_below_it_is_low(
    customer: Workspace, alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with clock.at(NOW):
        with django_capture_on_commit_callbacks(execute=True):
            grant(customer, 100)
        assert Wallet.objects.get(pk=customer.pk).low_bound == 10 * CREDIT
        assert balance(customer.pk).state == "healthy"
        credits_adjust(workspace_id=customer.pk, key="a", amount=-91 * CREDIT, reason="spent", actor="test")
        assert balance(customer.pk).state == "low"
        credits_adjust(workspace_id=customer.pk, key="b", amount=-9 * CREDIT, reason="spent", actor="test")
        assert balance(customer.pk).state == "stopped"


def test_the_due_job_follows_the_pace(customer: Workspace) -> None:
    with clock.at(NOW):
        grant(customer, 100)
        low_bound_refresh(customer.pk)
        HourTotal.objects.create(workspace=customer, hour=NOW - timedelta(hours=1), amount=50 * CREDIT, requests=1)
        [run] = run_due(only="low_bounds")
        assert run.error == ""
        assert Wallet.objects.get(pk=customer.pk).low_bound == 150 * CREDIT
