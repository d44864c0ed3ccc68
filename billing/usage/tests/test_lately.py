"""An authorisation goes by limits that are known from earlier, and asks under the lock whether they still are so."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.models import Hold
from billing.ledger.verify import verify
from billing.plans import limits
from billing.plans.limits import FRESH_SECONDS, limits_for
from billing.plans.models import AddOn, Plan, PlanVersion, Subscription, WorkspaceAddOn, WorkspaceLimits
from billing.usage.errors import ConcurrencyExceeded
from billing.usage.tests.conftest import NOW
from billing.usage.tests.test_authorize import GIVEN, hold_for, on_plan, refused

ASKED: dict[str, Any] = {"usage": GIVEN}


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known is always older than what is taken for granted."""
    monkeypatch.setattr(limits, "FRESH_SECONDS", 0)


def asking(trips: list[list[str]]) -> list[int]:
    """Which of the round trips ask for the limits."""
    return [number for number, trip in enumerate(trips) if limits._ROW in trip]


def test_what_is_known_is_asked_for_in_the_round_trip_that_locks(
    funded: Workspace, trips: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_plan(funded, concurrency=5)
    hold_for(funded, **ASKED)
    assert asking(trips) == [0]  # nothing was known: read before there is anything to lock

    trips.clear()
    hold_for(funded, **ASKED)
    assert asking(trips) == []

    then = time.monotonic() + FRESH_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: then)
    trips.clear()
    hold_for(funded, **ASKED)
    assert asking(trips) == [0]
    assert "FOR NO KEY UPDATE" in trips[0][0]

    trips.clear()
    hold_for(funded, **ASKED)  # that confirmed it
    assert asking(trips) == []


def test_what_a_plan_began_to_refuse_elsewhere_is_refused(funded: Workspace, later: None) -> None:
    on_plan(funded)
    hold_for(funded, **ASKED)
    version = PlanVersion.objects.create(
        plan=Subscription.objects.get().version.plan, number=2, published_at=NOW, concurrency=1
    )
    Subscription.objects.update(version=version)  # as another process did
    assert isinstance(refused(funded, **ASKED), ConcurrencyExceeded)
    assert Hold.objects.count() == 1
    assert verify().problems == []


def test_what_a_plan_refused_before_goes_through_once_it_is_allowed(funded: Workspace, later: None) -> None:
    on_plan(funded, request_limits={"output_tokens": "100"})
    assert refused(funded, **ASKED).code == "request_over_limit"
    WorkspaceLimits.objects.create(workspace=funded, request_limits={"output_tokens": "300"})
    assert hold_for(funded, **ASKED).lines
    WorkspaceLimits.objects.update(request_limits={"output_tokens": "299"})
    assert refused(funded, **ASKED).code == "request_over_limit"
    assert Hold.objects.count() == 1


def test_what_an_add_on_raised_ends_with_its_time(funded: Workspace, later: None) -> None:
    on_plan(funded, concurrency=1)
    addon = AddOn.objects.create(key="more", name="More", monthly_credits=1, concurrency=1)
    ends = NOW + timedelta(hours=1)
    WorkspaceAddOn.objects.create(
        workspace=funded,
        addon=addon,
        name="More",
        monthly_credits=1,
        concurrency=1,
        quantity=1,
        status="short",
        started_at=NOW,
        period_starts_at=NOW,
        paid_until=NOW + timedelta(days=30),
        short_since=NOW,
        suspends_at=ends,
        look_at=ends,
    )
    hold_for(funded, expires_in=86_400, **ASKED)
    hold_for(funded, expires_in=86_400, **ASKED)
    with clock.at(ends):
        assert isinstance(refused(funded, **ASKED), ConcurrencyExceeded)


def test_a_repeat_is_answered_whatever_the_limits_became(funded: Workspace, later: None) -> None:
    on_plan(funded)
    first = hold_for(funded, key="k", **ASKED)
    WorkspaceLimits.objects.create(workspace=funded, request_limits={"output_tokens": "1"}, concurrency=1)
    again = hold_for(funded, key="k", **ASKED)
    assert (again.hold_id, again.replay) == (first.hold_id, True)
    assert refused(funded, key="other", **ASKED).code == "request_over_limit"


def test_a_repeat_is_found_under_the_lock_when_limits_that_allow_it_changed(funded: Workspace, later: None) -> None:
    on_plan(funded)
    first = hold_for(funded, key="k", **ASKED)
    WorkspaceLimits.objects.create(workspace=funded, concurrency=1)
    again = hold_for(funded, key="k", **ASKED)
    assert (again.hold_id, again.amount, again.replay) == (first.hold_id, first.amount, True)
    assert Hold.objects.count() == 1
    assert isinstance(refused(funded, key="other", **ASKED), ConcurrencyExceeded)


def test_a_change_that_is_seen_within_a_transaction_takes_back_only_the_attempt(funded: Workspace, later: None) -> None:
    on_plan(funded)
    hold_for(funded, **ASKED)
    with transaction.atomic():
        Plan.objects.filter(key="test").update(name="Trial")
        hold_for(funded, **ASKED)
    assert Plan.objects.get(key="test").name == "Trial"
    assert Hold.objects.count() == 2
    assert verify().problems == []


def test_a_refusal_in_doubt_takes_one_read_and_no_lock(funded: Workspace, later: None, trips: list[list[str]]) -> None:
    on_plan(funded, request_limits={"output_tokens": "100"})
    assert refused(funded, **ASKED).code == "request_over_limit"
    trips.clear()
    assert refused(funded, **ASKED).code == "request_over_limit"
    assert asking(trips) == [0]
    assert not any("FOR NO KEY UPDATE" in sql for trip in trips for sql in trip)


def test_the_name_of_the_plan_is_the_present_one(funded: Workspace, later: None) -> None:
    on_plan(funded)
    assert limits_for(funded.pk).plan_name == "Test"
    Plan.objects.filter(key="test").update(name="Trial")
    assert limits_for(funded.pk).plan_name == "Trial"
