"""Counters of months with real threads and connections: what is charged does not depend on who comes first."""

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError, connections

from accounts.models import Workspace
from billing.ledger.book import Book
from billing.ledger.models import Wallet
from billing.ledger.verify import verify
from billing.metering import hooks
from billing.metering.known import forget_everything
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.reverse import usage_reverse
from billing.metering.tests.conftest import SERVICE, event, fund
from billing.metering.tests.pricing import price_appears
from billing.metering.tests.terms import EACH, counted, off, speech, tiers
from billing.metering.tests.test_races import together
from billing.metering.unrated.charging import charge_waiting
from billing.pricing.models import Meter
from billing.pricing.services import changed
from billing.pricing.testing import import_demo_prices

pytestmark = pytest.mark.django_db(transaction=True)
FUNDED = 100 * 10**9


@pytest.fixture(autouse=True)
def shop(transactional_db: None) -> None:
    import_demo_prices()


def spent(workspace: Workspace) -> int:
    wallet = Wallet.objects.get(pk=workspace.pk)
    return FUNDED - wallet.available + wallet.debt


def test_graduated_tiers_cost_the_same_whoever_comes_first(workspace: Workspace) -> None:
    """Singles, batches and repeats of eight threads: the sum of quantities decides, to the nano-credit."""
    fund(workspace)
    tiers(off(300, 50), off(700, 90), workspace=workspace)
    sizes = {f"e{n}": random.Random(n).randint(1, 30) for n in range(96)}
    names = list(sizes)

    def singles(worker: int) -> None:
        for name in names[worker * 12 : worker * 12 + 12]:
            usage_record(workspace_id=workspace.pk, source=SERVICE, event=speech(name, sizes[name]))

    def batch(seed: int) -> None:
        chosen = random.Random(seed).sample(names, 60)
        events = [speech(name, sizes[name]) for name in chosen]
        usage_record_batch(workspace_id=workspace.pk, source=SERVICE, events=events)

    jobs = [lambda worker=worker: singles(worker) for worker in range(8)]
    jobs += [lambda seed=seed: batch(seed) for seed in range(3)]
    assert together(*jobs) == [None] * 11
    total = sum(sizes.values())
    assert total > 700
    assert counted(workspace) == total
    assert spent(workspace) == 300 * EACH + 400 * EACH // 2 + (total - 700) * EACH // 10
    assert verify().problems == []


def test_a_volume_step_is_reached_once(workspace: Workspace) -> None:
    fund(workspace)
    tiers(off(40, 50), workspace=workspace, mode="volume")

    def post(worker: int) -> None:
        for n in range(10):
            usage_record(workspace_id=workspace.pk, source=SERVICE, event=speech(f"{worker}-{n}", 1))

    assert together(*(lambda worker=worker: post(worker) for worker in range(8))) == [None] * 8
    assert spent(workspace) == 39 * EACH + 41 * EACH // 2
    assert verify().problems == []


def test_reversals_and_waiting_events_count_beside_new_ones(workspace: Workspace) -> None:
    fund(workspace)
    tiers(off(100_000, 50), workspace=workspace, meter="input_tokens")
    usage = {"input_tokens": 1000, "output_tokens": 1}
    for n in range(20):
        usage_record(workspace_id=workspace.pk, source=SERVICE, event=event(f"odd{n}", model="acme/brain", usage=usage))
        usage_record(workspace_id=workspace.pk, source=SERVICE, event=event(f"even{n}", usage=usage))
    price_appears()
    waiting = list(UsageEvent.objects.exclude(problem="").values_list("pk", flat=True))
    charged = list(UsageEvent.objects.filter(problem="").values_list("pk", flat=True))

    def charge() -> None:
        charge_waiting(workspace_id=workspace.pk, pks=waiting)

    def reverse() -> None:
        for pk in charged:
            usage_reverse(workspace_id=workspace.pk, pk=pk, reason="wrong", actor="test")

    def post(worker: int) -> None:
        for n in range(10):
            usage_record(workspace_id=workspace.pk, source=SERVICE, event=event(f"{worker}-{n}", usage=usage))

    assert together(charge, charge, reverse, reverse, lambda: post(1), lambda: post(2)) == [None] * 6
    assert counted(workspace, "input_tokens") == 40 * 1000
    assert verify().problems == []


def test_the_months_highest_value_is_charged_once(workspace: Workspace) -> None:
    fund(workspace)
    Meter.objects.create(key="seats", label="Seats", unit="seat", aggregation="max")
    changed()
    price_appears(seats="5000")

    def post(worker: int) -> None:
        values = random.Random(worker).sample(range(1, 21), 20)
        for value in values:
            seats = event(f"{worker}-{value}", model="acme/brain", usage={"seats": value})
            usage_record(workspace_id=workspace.pk, source=SERVICE, event=seats)

    assert together(*(lambda worker=worker: post(worker) for worker in range(6))) == [None] * 6
    assert spent(workspace) == 20 * 10**9
    assert verify().problems == []


@pytest.mark.parametrize("many", [False, True])
def test_a_transaction_that_is_killed_leaves_counter_and_ledger_agreed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    fund(workspace)
    tiers(off(15, 50), workspace=workspace)

    def post(name: str) -> Any:
        if many:
            events = [speech(f"{name}-{n}", 5) for n in range(2)]
            return usage_record_batch(workspace_id=workspace.pk, source=SERVICE, events=events)
        return usage_record(workspace_id=workspace.pk, source=SERVICE, event=speech(name, 10))

    post("a")

    def killing(book: Book, *_: Any) -> list[Any]:
        return [("SELECT pg_terminate_backend(pg_backend_pid())", ())]

    spend_counters: list[Callable[..., Any]] = [*hooks.spend_counters]
    hooks.spend_counters.append(killing)
    try:
        with pytest.raises(OperationalError):
            post("b")
    finally:
        hooks.spend_counters[:] = spend_counters
        connections.close_all()
    forget_everything()
    assert (counted(workspace), spent(workspace)) == (10, 10 * EACH)
    assert verify().problems == []
    post("b")
    assert (counted(workspace), spent(workspace)) == (Decimal(20), 15 * EACH + 5 * EACH // 2)
    assert verify().problems == []
