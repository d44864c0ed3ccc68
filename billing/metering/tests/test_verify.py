from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.verify import verify
from billing.metering import verify as module
from billing.metering import verify_reversals
from billing.metering.models import EndUserHour, HourTotal, HourUsage, UsageEvent
from billing.metering.tests.conftest import event, fund
from billing.metering.tests.helpers import rewriting
from billing.metering.verify import verify_usage
from billing.metering.verify_hours import read_totals

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]


@pytest.fixture
def used(record: Record, batch: Record, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with single events, a batch and debt; everything is read in chunks of three."""
    monkeypatch.setattr(module, "CHUNK", 3)
    fund(workspace, 1)
    for index in range(4):
        record(event(f"single{index}"))
    record(event("free", model="", usage={"static_messages": 1}))
    record(event("odd", model="acme/brain"))
    batch([event(f"batch{index}", model="", usage={"messages": 1}) for index in range(7)])
    batch([event("last"), event("last_free", model="", usage={"static_messages": 1})])
    return workspace


def codes(workspace: Workspace) -> set[str]:
    return {problem.code for problem in verify_usage(workspace.pk)}


@pytest.mark.parametrize("far_apart", [20, -1], ids=["in ranges", "one by one"])
def test_what_was_recorded_adds_up(used: Workspace, monkeypatch: pytest.MonkeyPatch, far_apart: int) -> None:
    monkeypatch.setattr(module, "FAR_APART", far_apart)
    assert verify_usage(used.pk) == []
    with rewriting():
        UsageEvent.objects.filter(event_id="batch3").update(amount=1)
    assert {"usage_sum", "event_offset"} <= codes(used)


def test_verify_ledger_asks_it_too(used: Workspace) -> None:
    HourTotal.objects.update(amount=1)
    assert {problem.code for problem in verify().problems} == {"hour_total"}


def test_a_workspace_without_usage_is_fine(workspace: Workspace) -> None:
    assert verify_usage(workspace.pk) == []


def test_a_changed_total_is_found(used: Workspace) -> None:
    HourUsage.objects.filter(pk=HourUsage.objects.order_by("pk")[0].pk).update(amount=1)
    assert codes(used) == {"hour_usage"}


def test_a_missing_total_is_found(used: Workspace) -> None:
    HourTotal.objects.all().delete()
    assert codes(used) == {"hour_total"}


def test_a_changed_amount_is_found(used: Workspace) -> None:
    with rewriting():
        UsageEvent.objects.filter(event_id="single2").update(amount=1)
    assert codes(used) == {"usage_sum", "hour_total", "hour_usage"}


def test_two_amounts_that_were_swapped_are_found(used: Workspace) -> None:
    with rewriting():
        UsageEvent.objects.filter(event_id="batch1").update(amount=999_999_999)
        UsageEvent.objects.filter(event_id="batch2").update(amount=1_000_000_001)
    assert codes(used) == {"items_digest", "event_offset"}


def test_a_renamed_event_is_found(used: Workspace) -> None:
    with rewriting():
        UsageEvent.objects.filter(event_id="single2").update(event_id="other")
    assert codes(used) == {"items_digest"}


def test_a_removed_event_is_found(used: Workspace) -> None:
    with rewriting():
        UsageEvent.objects.filter(event_id="batch6").delete()
    assert codes(used) == {"usage_sum", "hour_total", "hour_usage"}


def test_a_charge_without_an_operation_cannot_be_stored(used: Workspace) -> None:
    with pytest.raises(IntegrityError, match="charged_by_an_operation"), transaction.atomic(), rewriting():
        UsageEvent.objects.filter(event_id="free").update(amount=5)
    with pytest.raises(IntegrityError, match="unrated_costs_nothing"), transaction.atomic(), rewriting():
        UsageEvent.objects.filter(event_id="single1").update(problem="unknown_model")


def test_the_streamed_queries_use_their_indexes(used: Workspace) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")  # cheap while the table is empty
        cursor.execute("EXPLAIN " + module._EVENTS, ["1", "infinity", 0, 10, 10])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "usage_event_recent" in plan
    assert "Sort" not in plan


def test_months_are_read_one_by_one(used: Workspace, batch: Record) -> None:
    """Each under a lock of its own; what the present month's events add meanwhile is no problem of an earlier one."""
    for days in (40, 80, 400):
        with clock.at(clock.now() + timedelta(days=days)):
            batch([event(f"in {days} days", end_user="u1")])
    totals = read_totals(used.pk)
    assert totals is not None
    assert len(totals.months) == 4
    assert codes(used) == set()
    HourTotal.objects.filter(hour__gt=clock.now() + timedelta(days=70)).delete()
    assert codes(used) == {"hour_total"}
    HourUsage.objects.filter(hour__gt=clock.now() + timedelta(days=300)).delete()
    EndUserHour.objects.filter(hour__gt=clock.now() + timedelta(days=300)).delete()
    assert codes(used) == {"hour_total", "hour_usage", "hour_upstream", "end_user_hour"}


def test_reversals_are_found_by_their_index(used: Workspace) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + verify_reversals._REVERSALS, [used.pk, 0, 10, 10])
        assert "event_reversal_of_workspace" in "\n".join(row[0] for row in cursor.fetchall())
