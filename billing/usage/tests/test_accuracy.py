"""What was held, against what was charged in the end."""

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.hold_services import hold_release
from billing.ledger.records import hold_id
from billing.ledger.services import wallet_settle
from billing.metering.events import Source
from billing.metering.record import usage_record
from billing.metering.validate import parse_event
from billing.usage.accuracy import Fit, estimate_accuracy
from billing.usage.authorize import authorize
from billing.usage.settle import settlement
from billing.usage.tests.conftest import NOW

SERVICE = Source("service")


def held(workspace: Workspace, credits: int = 1, task: str = "") -> int:
    raw = {"usage": {"messages": credits}, "task": task, "expires_in": 60}
    return authorize(workspace=workspace, source=SERVICE, raw=raw).hold_id


def used(workspace: Workspace, hold: int, messages: str) -> None:
    event = parse_event(settlement(workspace.pk, hold, {"usage": {"messages": messages}}))
    usage_record(workspace_id=workspace.pk, source=SERVICE, event=event)


def test_nothing_held_is_nothing_to_tell(funded: Workspace) -> None:
    found = estimate_accuracy(funded.pk)
    assert found.since == NOW - timedelta(days=30)
    assert found.rows == []
    assert (found.total.holds, found.total.covered_percent, found.total.median_percent) == (0, None, None)


def test_holds_are_counted_by_what_became_of_them(funded: Workspace) -> None:
    used(funded, held(funded), "0.5")
    hold_release(workspace_id=funded.pk, hold_id=held(funded), origin="service")
    held(funded)
    late = held(funded)
    with clock.at(NOW + timedelta(minutes=2)):
        held(funded)
        used(funded, late, "0.25")
        total = estimate_accuracy(funded.pk).total
        assert (total.holds, total.settled, total.released, total.expired, total.open) == (5, 2, 1, 1, 1)
        wallet_settle(workspace_id=funded.pk)
        assert estimate_accuracy(funded.pk).total == total


def test_the_share_covered_and_the_middle_and_the_95th_percentile(funded: Workspace) -> None:
    for hundredths in (*range(10, 200, 10), 500):
        used(funded, held(funded), str(Decimal(hundredths) / 100))
    total = estimate_accuracy(funded.pk).total
    assert (total.compared, total.covered, total.covered_percent) == (20, 10, 50)
    assert (total.median_percent, total.p95_percent) == (100, 190)


@pytest.mark.parametrize("by", ["task", "model", "basis"])
def test_it_is_told_by_what_was_asked_for(funded: Workspace, by: str) -> None:
    used(funded, held(funded, task="chat"), "2")
    used(funded, held(funded, task="title"), "0.5")
    used(funded, held(funded, task="title"), "1")
    found = estimate_accuracy(funded.pk, by=by)  # type: ignore[arg-type]
    rows = [(row.key, row.holds, row.covered, row.median_percent) for row in found.rows]
    expected = {
        "task": [("title", 2, 2, 50), ("chat", 1, 0, 200)],
        "model": [("platform", 3, 2, 100)],
        "basis": [("given", 3, 2, 100)],
    }
    assert rows == expected[by]
    assert found.total.holds == 3


def test_a_hold_of_nothing_and_usage_without_a_price_have_no_ratio(funded: Workspace) -> None:
    nothing = authorize(workspace=funded, source=SERVICE, raw={"usage": {"static_messages": 1}})
    assert nothing.amount == 0
    used(funded, nothing.hold_id, "0")
    unrated = {"event_id": "u", "model": "x/y", "usage": {"input_tokens": 1}, "hold": hold_id(held(funded))}
    usage_record(workspace_id=funded.pk, source=SERVICE, event=parse_event(unrated))
    total = estimate_accuracy(funded.pk).total
    assert (total.settled, total.compared, total.covered) == (2, 1, 1)
    assert total.median_percent is None


def test_only_holds_of_the_time_and_the_workspace_count(funded: Workspace) -> None:
    held(funded)
    other = Workspace.objects.create(name="Other")
    assert estimate_accuracy(other.pk).total == Fit("", 0, 0, 0, 0, 0, 0, 0, None, None)
    assert estimate_accuracy(funded.pk, since=NOW + timedelta(seconds=1)).total.holds == 0
    assert estimate_accuracy(funded.pk, since=NOW).total.holds == 1
    assert estimate_accuracy(funded.pk).total.median_percent is None
