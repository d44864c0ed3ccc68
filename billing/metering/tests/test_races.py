"""Real threads on real connections: whatever the order, each event is charged once and nothing deadlocks."""

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from accounts.models import Workspace
from billing.ledger.models import Wallet
from billing.ledger.verify import verify
from billing.metering.errors import EventConflict
from billing.metering.events import Source
from billing.metering.models import HourTotal, HourUsage, UsageEvent
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.tests.conftest import SERVICE, event, fund
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
