"""Real threads: however many workers charge what waited, and whatever is reported meanwhile, each is charged once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.ledger.models import Operation, Wallet
from billing.ledger.proof.export import export
from billing.ledger.verify import verify
from billing.metering.models import HourTotal, UsageEvent
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.reverse import usage_reverse
from billing.metering.tasks import CHARGING
from billing.metering.tests.conftest import SERVICE, event, fund
from billing.metering.tests.helpers import proved
from billing.metering.tests.pricing import price_appears
from billing.metering.tests.test_races import together
from billing.metering.unrated.charging import charge_waiting
from billing.metering.verify import verify_usage
from billing.pricing.testing import import_demo_prices

pytestmark = pytest.mark.django_db(transaction=True)
COST = 360_000_000


@pytest.fixture
def waiting(transactional_db: None, workspace: Workspace) -> list[Any]:
    """Forty events without a price, one of each pair late, and then the price."""
    import_demo_prices()
    fund(workspace, 10)
    now = clock.now()
    late = [now - timedelta(days=5) if index % 2 else now for index in range(40)]
    events = [event(f"odd{index}", model="acme/brain", occurred_at=at) for index, at in enumerate(late)]
    assert usage_record_batch(workspace_id=workspace.pk, source=SERVICE, events=events).accepted == 40
    price_appears()
    return events


def test_workers_at_once_charge_each_event_once(workspace: Workspace, waiting: list[Any]) -> None:
    pks = list(UsageEvent.objects.values_list("pk", flat=True))
    done = together(*[lambda: charge_waiting(workspace_id=workspace.pk, pks=pks)] * 6)
    assert sorted(done) == [0] * 5 + [40]
    assert Operation.objects.filter(key__startswith="price:").count() == 40
    wallet = Wallet.objects.get()
    assert wallet.available - wallet.debt == 10 * 10**9 - 40 * COST
    assert verify().problems == []


def test_duplicates_reports_and_reversals_meanwhile(workspace: Workspace, waiting: list[Any]) -> None:
    def job() -> list[str]:
        return [run.error for run in run_due(only=CHARGING)]

    def repeat() -> set[tuple[bool, int, str]]:
        receipts = [usage_record(workspace_id=workspace.pk, source=SERVICE, event=one) for one in waiting]
        return {(receipt.replay, receipt.nano, receipt.problem) for receipt in receipts}

    def further() -> int:
        new = [event(f"new{index}", model="acme/brain") for index in range(20)]
        return usage_record_batch(workspace_id=workspace.pk, source=SERVICE, events=[*waiting, *new]).duplicates

    def watch() -> list[Any]:
        return [problem for _ in range(5) for problem in verify_usage(workspace.pk)]

    results = together(job, job, repeat, further, watch, repeat)
    assert results == [[""], [""], {(True, 0, "unknown_model")}, 40, [], {(True, 0, "unknown_model")}]
    assert set(UsageEvent.objects.values_list("problem", "amount")) == {("", COST)}
    backs = together(
        *(
            lambda pk=pk: usage_reverse(workspace_id=workspace.pk, pk=pk, reason="Test", actor="staff")
            for pk in list(UsageEvent.objects.values_list("pk", flat=True))[:6]
        )
    )
    assert [back.amount for back in backs] == [COST] * 6
    wallet = Wallet.objects.get()
    assert wallet.available - wallet.debt == 10 * 10**9 - 54 * COST
    assert sum(HourTotal.objects.values_list("requests", flat=True)) == 60
    assert verify().problems == []


def test_a_crash_in_the_middle_leaves_all_waiting(workspace: Workspace, waiting: list[Any]) -> None:
    pks = list(UsageEvent.objects.values_list("pk", flat=True))

    class Crash(Exception):
        """The process dies before the commit."""

    def crash() -> None:
        with transaction.atomic():
            assert charge_waiting(workspace_id=workspace.pk, pks=pks) == 40
            raise Crash

    with pytest.raises(Crash):
        crash()
    assert UsageEvent.objects.exclude(problem="").count() == 40
    assert Wallet.objects.get().available == 10 * 10**9
    assert verify().problems == []
    assert charge_waiting(workspace_id=workspace.pk, pks=pks) == 40
    assert verify().problems == []


def test_the_proof_has_the_events_that_were_charged_later(workspace: Workspace, waiting: list[Any]) -> None:
    run_due(only=CHARGING)
    # 10 credits pay for 27 of them and a part of one more, whose debt is an entry of its own.
    assert b"".join(export(workspace)).count(b'"items":[["odd') == 41
    proved(workspace)
