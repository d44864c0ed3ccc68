"""Real threads on real connections: whatever the order, each event is charged once and nothing deadlocks."""

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.db.models import Sum

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.models import HoldResolution, Wallet
from billing.ledger.tests.helpers import place
from billing.ledger.verify import verify
from billing.metering.allowances import allowance_open
from billing.metering.errors import EventConflict, EventRejected
from billing.metering.events import Source
from billing.metering.models import AllowanceHold, EventReversal, HourTotal, HourUsage, UsageEvent
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.reverse import operation_usage_reverse, usage_reverse
from billing.metering.tests.conftest import SERVICE, event, fund
from billing.metering.tests.helpers import reserve
from billing.pricing.testing import import_demo_prices

pytestmark = pytest.mark.django_db(transaction=True)
EACH = 72_000_000


@pytest.fixture(autouse=True)
def shop(transactional_db: None) -> None:
    import_demo_prices()


def together(*jobs: Callable[[], Any]) -> list[Any]:
    """Run all jobs at the same moment; their results, or the errors they raised."""
    gate = threading.Barrier(len(jobs))
    results: list[Any] = [None] * len(jobs)

    def run(index: int) -> None:
        try:
            gate.wait(timeout=20)
            results[index] = jobs[index]()
        except Exception as error:
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[index]) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    return results


def consistent(workspace: Workspace, events: int, *, granted: int) -> None:
    wallet = Wallet.objects.get(pk=workspace.pk)
    assert UsageEvent.objects.count() == events
    assert wallet.available - wallet.debt == granted * 10**9 - events * EACH
    totals = list(HourTotal.objects.values_list("amount", "requests"))  # two rows when the hour struck meanwhile
    assert [sum(column) for column in zip(*totals, strict=True)] == [events * EACH, events]
    assert sum(HourUsage.objects.values_list("amount", flat=True)) == events * EACH
    assert verify().problems == []


def test_eight_threads_spend_from_one_wallet(workspace: Workspace) -> None:
    fund(workspace, 5)

    def spend(worker: int) -> None:
        for index in range(12):
            usage_record(workspace_id=workspace.pk, source=SERVICE, event=event(f"{worker}-{index}"))

    assert together(*(lambda worker=worker: spend(worker) for worker in range(8))) == [None] * 8
    consistent(workspace, 96, granted=5)


def test_eight_threads_send_the_same_event(workspace: Workspace) -> None:
    fund(workspace)
    receipts = together(*[lambda: usage_record(workspace_id=workspace.pk, source=SERVICE, event=event("same"))] * 8)
    assert sorted(receipt.replay for receipt in receipts) == [False] + [True] * 7
    assert {receipt.balance.available for receipt in receipts} == {100 * 10**9 - EACH}
    consistent(workspace, 1, granted=100)


def test_of_two_contents_under_one_id_one_wins(workspace: Workspace) -> None:
    fund(workspace)
    results = together(
        *(
            lambda agent=agent: usage_record(
                workspace_id=workspace.pk, source=SERVICE, event=event("same", agent=agent)
            )
            for agent in "abcdefgh"
        )
    )
    assert sum(isinstance(result, EventConflict) for result in results) == 7
    consistent(workspace, 1, granted=100)


def test_overlapping_shuffled_batches_against_single_posts(workspace: Workspace) -> None:
    fund(workspace, 3)
    ids = [f"e{index}" for index in range(120)]

    def post_batch(seed: int) -> int:
        shuffled = random.Random(seed).sample(ids, 90)
        result = usage_record_batch(
            workspace_id=workspace.pk, source=SERVICE, events=[event(one, project="p") for one in shuffled]
        )
        assert result.rejected == []
        return int(result.accepted)

    def post_singles(seed: int) -> int:
        return sum(
            not usage_record(workspace_id=workspace.pk, source=SERVICE, event=event(one, project="p")).replay
            for one in random.Random(seed).sample(ids, 40)
        )

    jobs = [lambda seed=seed: (post_batch if seed % 2 else post_singles)(seed) for seed in range(8)]
    assert sum(together(*jobs)) == UsageEvent.objects.count()
    consistent(workspace, UsageEvent.objects.count(), granted=3)


def test_an_id_in_several_batches_at_once_counts_in_one_of_them(workspace: Workspace) -> None:
    fund(workspace)
    old = clock.now() - timedelta(days=9)

    def post(seed: int) -> Any:
        shared = [event(f"same{index}", occurred_at=old + timedelta(seconds=index)) for index in range(20)]
        own = [event(f"{seed}-{index}") for index in range(5)]
        events = random.Random(seed).sample([*shared, *own], 25)
        return usage_record_batch(workspace_id=workspace.pk, source=SERVICE, events=events)

    results = together(*(lambda seed=seed: post(seed) for seed in range(6)))
    assert sum(result.accepted for result in results) == 20 + 6 * 5
    assert sum(result.duplicates for result in results) == 5 * 20
    assert UsageEvent.objects.filter(late=True).count() == 20
    consistent(workspace, 50, granted=100)


def test_two_workspaces_do_not_wait_for_each_other_in_circles(workspace: Workspace) -> None:
    other = Workspace.objects.create(name="Southwind")
    fund(workspace), fund(other)

    def mixed(order: tuple[Workspace, Workspace]) -> None:
        for index in range(6):
            for one in order:
                usage_record_batch(
                    workspace_id=one.pk,
                    source=Source("workspace"),
                    events=[event(f"{index}-{part}") for part in range(10)],
                )

    orders = [(workspace, other), (other, workspace)] * 2
    assert together(*(lambda order=order: mixed(order) for order in orders)) == [None] * 4
    assert UsageEvent.objects.count() == 120
    assert verify().problems == []


def test_an_event_is_given_back_once_however_many_ask(workspace: Workspace) -> None:
    fund(workspace)
    usage_record(workspace_id=workspace.pk, source=SERVICE, event=event("same"))
    pk = UsageEvent.objects.get().pk
    results = together(
        *[lambda: usage_reverse(workspace_id=workspace.pk, pk=pk, reason="Sent twice", actor="staff@example.com")] * 8
    )
    assert sorted(result.replay for result in results) == [False] + [True] * 7
    assert {result.operation_id for result in results} == {EventReversal.objects.get().operation_id}
    assert Wallet.objects.get().available == 100 * 10**9
    assert verify().problems == []


def test_a_batch_is_given_back_while_usage_comes_in(workspace: Workspace) -> None:
    fund(workspace, 2)
    reported = [event(f"b{index}") for index in range(20)]
    usage_record_batch(workspace_id=workspace.pk, source=SERVICE, events=reported)
    operation = UsageEvent.objects.values_list("operation_id", flat=True).first()
    assert operation is not None

    def give_back() -> int:
        found = operation_usage_reverse(
            workspace_id=workspace.pk, operation_id=operation, reason="A test run", actor="staff@example.com"
        )
        return sum(not each.replay for each in found)

    def spend(worker: int) -> int:
        for index in range(15):
            usage_record(workspace_id=workspace.pk, source=SERVICE, event=event(f"{worker}-{index}"))
        return 0

    results = together(give_back, give_back, lambda: spend(0), lambda: spend(1))
    assert sum(results) == 20
    wallet = Wallet.objects.get()
    assert wallet.available - wallet.debt == 2 * 10**9 - 30 * EACH
    totals = HourTotal.objects.aggregate(net=Sum("amount"), back=Sum("reversed"))
    assert totals == {"net": 30 * EACH, "back": 20 * EACH}
    assert verify().problems == []


def test_of_two_events_that_settle_a_hold_one_does(workspace: Workspace) -> None:
    fund(workspace)
    hold = place(workspace.pk, 10**9, now=clock.now())
    results = together(
        *(
            lambda index=index: usage_record(
                workspace_id=workspace.pk, source=SERVICE, event=event(f"e{index}", hold=hold)
            )
            for index in range(8)
        )
    )
    refused = [result for result in results if isinstance(result, EventRejected)]
    assert [error.code for error in refused] == ["hold_resolved"] * 7
    assert Wallet.objects.get().held == 0
    consistent(workspace, 1, granted=100)


def test_settling_and_expiry_never_both_happen(workspace: Workspace) -> None:
    fund(workspace, 8)
    now = clock.now()
    holds = [place(workspace.pk, 10**9, now=now, seconds=60) for _ in range(8)]
    late = now + timedelta(seconds=61)

    def settle(index: int) -> str:
        reported = event(f"e{index}", hold=holds[index])
        # Each by a clock of its own: half of them before the holds expire, half of them after.
        at = late if index % 2 else now
        return str(usage_record(workspace_id=workspace.pk, source=SERVICE, event=reported, now=at).hold_status)

    statuses = together(*(lambda index=index: settle(index) for index in range(8)))
    kinds = dict(HoldResolution.objects.values_list("hold_id", "kind"))
    assert [{"settled": "settle", "expired": "expire"}[status] for status in statuses] == [kinds[one] for one in holds]
    assert Wallet.objects.get().held == 0
    consistent(workspace, 8, granted=8)


def test_two_holds_never_reserve_the_same_of_an_allowance(workspace: Workspace) -> None:
    fund(workspace)
    characters = allowance_open(
        workspace_id=workspace.pk,
        meter="input_characters",
        starts_at=clock.now() - timedelta(days=1),
        ends_at=clock.now() + timedelta(days=1),
        included=Decimal(1000),
    )
    reserved = together(*[lambda: reserve(workspace, 300)[1]] * 8)
    assert sorted(reserved, reverse=True) == [300, 300, 300, 100, 0, 0, 0, 0]
    assert sum(AllowanceHold.objects.filter(allowance=characters).values_list("quantity", flat=True)) == 1000
    assert verify().problems == []
