"""What there is to hear of: recorded where it happens, once, whoever notices it and whatever is lost in between."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.models import Workspace
from billing.alerts.usage.looking import balance_look, balances_look
from billing.alerts.webhooks.lots import EXPIRING, expiring_tell, lots_look
from billing.alerts.webhooks.models import WebhookEvent
from billing.alerts.webhooks.tests.conftest import NOW, Make
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger import hooks
from billing.ledger.extension_services import lot_extend
from billing.ledger.models import Lot
from billing.ledger.services import credits_adjust, credits_grant
from billing.plans.hooks import changes_together, tell_changed
from billing.plans.models import ShutdownWarning, Subscription
from billing.plans.periods.life import subscription_end
from billing.plans.resources import hooks as resources
from billing.plans.resources.hooks import Standing
from billing.plans.services import plan_start

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


def grant(workspace: Workspace, credits: int, key: str = "g", **terms: Any) -> None:
    credits_grant(workspace_id=workspace.pk, key=key, amount=credits * NANO, label="Gift", **terms)


def spend(workspace: Workspace, credits: int, key: str) -> None:
    credits_adjust(workspace_id=workspace.pk, key=key, amount=-credits * NANO, reason="test", actor="test")


def events(*types: str) -> list[tuple[str, dict[str, Any]]]:
    rows = WebhookEvent.objects.filter(type__in=types).order_by("pk")
    return [(row.type, json.loads(row.payload)["data"]) for row in rows]


BALANCE = ("balance.low", "balance.exhausted", "balance.recovered")


def test_a_fall_and_a_recovery_are_told_once_each(
    workspace: Workspace, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        grant(workspace, 100)
    for number, credits in enumerate((50, 45, 1, 4)):  # a tenth of what was granted is the bound
        with django_capture_on_commit_callbacks(execute=True):
            spend(workspace, credits, f"s{number}")
    for credits in (5, 500):
        with django_capture_on_commit_callbacks(execute=True):
            grant(workspace, credits, f"g{credits}")
    told = events(*BALANCE)
    assert [(type, data["state"], data["balance"]) for type, data in told] == [
        ("balance.low", "low", 5),
        ("balance.exhausted", "stopped", 0),
        ("balance.recovered", "low", 5),
        ("balance.recovered", "healthy", 505),
    ]
    assert (told[0][1]["low_below"], told[0][1]["balance_nano"]) == (10, "5000000000")
    assert balances_look(now=NOW, limit=100) == 0
    assert balance_look(workspace.pk) is False
    assert len(events(*BALANCE)) == 4


def test_a_crossing_of_which_nobody_heard_is_found(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process died after its commit, before it told anybody."""
    for name in ("balance_crossed", "alert_bound_crossed"):
        monkeypatch.setattr(hooks, name, [])
    grant(workspace, 10)
    spend(workspace, 10, "all")
    assert events(*BALANCE) == []
    assert balances_look(now=NOW, limit=100) == 1
    assert [each[0] for each in events(*BALANCE)] == ["balance.exhausted"]
    assert balances_look(now=NOW, limit=100) == 0


def test_a_workspace_that_never_had_credits_is_not_exhausted(workspace: Workspace) -> None:
    assert balance_look(workspace.pk) is False
    assert balances_look(now=NOW, limit=100) == 0
    assert events(*BALANCE) == []


@pytest.mark.django_db(transaction=True)
def test_two_who_notice_at_once_tell_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("balance_crossed", "alert_bound_crossed"):
        monkeypatch.setattr(hooks, name, [])
    grant(workspace, 10)
    spend(workspace, 10, "all")
    start, told = threading.Barrier(4), []

    def look() -> None:
        try:
            start.wait()
            told.append(balance_look(workspace.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False, False, False, True]
    assert len(events(*BALANCE)) == 1


def test_credits_that_came_in_are_told_at_once_where_somebody_listens(
    workspace: Workspace, endpoint: Make, django_capture_on_commit_callbacks: Any
) -> None:
    endpoint(event_types=["grant.created"])
    with django_capture_on_commit_callbacks(execute=True):
        grant(workspace, 10, expires_at=NOW + 90 * DAY)
    ((_, data),) = events("grant.created")
    assert data["credits"] == 10
    assert data["lot"]["label"] == "Gift"
    assert data["lot"]["expires_at"] == "2026-06-08T12:30:00Z"
    assert lots_look(now=NOW, limit=100) == 0


def test_credits_of_which_nobody_heard_are_found(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "credits_granted", [])
    lots_look(now=NOW, limit=100)
    grant(workspace, 10)
    with clock.at(NOW - 40 * DAY):
        grant(Workspace.objects.create(name="Old"), 10)
    assert lots_look(now=NOW, limit=100) == 1
    assert len(events("grant.created")) == 1
    assert lots_look(now=NOW + timedelta(hours=2), limit=100) == 0


def test_a_lot_that_is_extended_brings_nothing_in(
    workspace: Workspace, endpoint: Make, django_capture_on_commit_callbacks: Any
) -> None:
    endpoint(event_types=["grant.created"])
    with django_capture_on_commit_callbacks(execute=True):
        grant(workspace, 10, expires_at=NOW + 90 * DAY)
        lot_extend(
            workspace_id=workspace.pk,
            lot_id=Lot.objects.get().pk,
            until=NOW + 120 * DAY,
            key="x",
            reason="they were away",
            actor="staff",
            now=NOW,
        )
    assert Lot.objects.count() == 2
    assert lots_look(now=NOW, limit=100) == 0
    assert len(events("grant.created")) == 1


def test_what_will_expire_is_told_seven_days_before_and_once(workspace: Workspace) -> None:
    grant(workspace, 10, "soon", expires_at=NOW + 10 * DAY)
    grant(workspace, 10, "later", expires_at=NOW + 100 * DAY)
    grant(workspace, 10, "never")
    assert expiring_tell(now=NOW, limit=100) == 0
    spend(workspace, 4, "s")
    assert expiring_tell(now=NOW + 10 * DAY - EXPIRING, limit=100) == 1
    assert expiring_tell(now=NOW + 9 * DAY, limit=100) == 0
    ((_, data),) = events("lot.expiring")
    assert (data["remaining"], data["credits"]) == (6, 10)


def test_what_is_used_up_does_not_expire(workspace: Workspace) -> None:
    grant(workspace, 10, "soon", expires_at=NOW + 5 * DAY)
    spend(workspace, 10, "all")
    assert expiring_tell(now=NOW, limit=100) == 0


def test_resources_are_told_in_the_transaction_of_the_decision(workspace: Workspace) -> None:
    warning = ShutdownWarning.objects.create(
        workspace=workspace, warned_at=NOW, shutdown_at=NOW + 2 * DAY, daily_cost=134 * NANO, balance=100 * NANO
    )
    for what in ("warning", "shutdown", "recovered", "recovered"):
        for listener in resources.resource_standing:
            listener(Standing(what, warning, 100 * NANO, 134 * NANO, NOW))  # type: ignore[arg-type]
    told = events("resource.warning", "resource.shutdown", "resource.recovered")
    assert [each[0] for each in told] == ["resource.warning", "resource.shutdown", "resource.recovered"]
    assert (told[0][1]["daily_cost"], told[0][1]["shutdown_at"]) == (134, "2026-03-12T12:30:00Z")


def test_a_subscription_that_begins_and_ends_is_told_once_each(workspace: Workspace) -> None:
    begun = plan_start(workspace=workspace, now=NOW)
    assert begun is not None
    tell_changed(begun.pk)
    told = events("subscription.updated")
    assert [data["subscription"]["status"] for _, data in told] == ["active"]
    subscription_end(begun.pk, at=NOW, now=NOW, then_default=False)
    told = events("subscription.updated")
    assert [data["subscription"]["status"] for _, data in told] == ["active", "ended"]
    assert told[1][1]["subscription"]["ended_at"] == "2026-03-10T12:30:00Z"


def test_the_number_of_an_event_goes_on_after_old_ones_were_deleted(workspace: Workspace) -> None:
    row = plan_start(workspace=workspace, now=NOW)
    assert row is not None
    for days in (10, 20, 30):
        Subscription.objects.filter(pk=row.pk).update(ends_at=NOW + days * DAY)
        tell_changed(row.pk)
    for old in WebhookEvent.objects.filter(type="subscription.updated").order_by("pk")[:2]:
        old.delete()
    # Two are left, so by their number the next one would be the third, which said the same.
    for days in (20, 30):
        Subscription.objects.filter(pk=row.pk).update(ends_at=NOW + days * DAY)
        tell_changed(row.pk)
    numbers = [event.key.split(":")[2] for event in WebhookEvent.objects.filter(type="subscription.updated")]
    assert sorted(numbers) == ["3", "4", "5", "6"]


def test_changes_that_belong_together_are_told_once(workspace: Workspace) -> None:
    row = plan_start(workspace=workspace, now=NOW)
    assert row is not None
    with changes_together(), changes_together():
        for days in (10, 20):
            Subscription.objects.filter(pk=row.pk).update(ends_at=NOW + days * DAY)
            tell_changed(row.pk)
        assert len(events("subscription.updated")) == 1
    assert [data["subscription"]["ends_at"] for _, data in events("subscription.updated")] == [
        None,
        "2026-03-30T12:30:00Z",
    ]


def test_a_change_that_fails_tells_nothing(workspace: Workspace) -> None:
    row = plan_start(workspace=workspace, now=NOW)
    assert row is not None

    def fails() -> None:
        with changes_together():
            Subscription.objects.filter(pk=row.pk).update(ends_at=NOW + DAY)
            tell_changed(row.pk)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert len(events("subscription.updated")) == 1
    tell_changed(row.pk)
    assert len(events("subscription.updated")) == 2
