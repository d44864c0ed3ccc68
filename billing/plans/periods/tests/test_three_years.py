"""Three years, day by day: every lot is what an independent calculation says, whatever comes between."""

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, connection

from accounts.models import Workspace
from billing.ledger.models import Lot, Transfer
from billing.ledger.verify import verify
from billing.plans.models import Subscription
from billing.plans.periods.due import PeriodFailed, roll
from billing.plans.periods.tests.expected import expected_lots
from billing.plans.periods.tests.simulation import Simulation, days, found_lots, job
from billing.plans.periods.tests.stories import END, FREE, OUTAGE

# Of twenty: the few customers among whom every plan, interval, change and end occurs.
FEW = (3, 6, 12, 17, 19)
# Of twenty others, those whom the outage catches on every plan: three who pay by the year, and have months to open when
# it is over; a payment, a change, an end and a start of the others are heard then.
CAUGHT = (21, 22, 25, 26, 33, 36)
MANY = range(200)
slow = pytest.mark.slow


def assert_as_expected(simulation: Simulation) -> None:
    for workspace, story in simulation.stories.items():
        assert found_lots(workspace) == expected_lots(story, FREE, END, simulation.outage), workspace.name
    for workspace in simulation.workspaces[:5]:
        assert verify(workspace_id=workspace.pk).problems == []


@pytest.mark.django_db
@pytest.mark.parametrize("seeds", [FEW, pytest.param(MANY, marks=slow)], ids=["few", "many"])
def test_every_lot_is_as_calculated_and_the_same_days_again_change_nothing(seeds: Sequence[int]) -> None:
    simulation = Simulation(seeds)
    simulation.run()
    assert_as_expected(simulation)
    before = state()
    for day in days():
        if day.day in (1, 29):  # whatever is due stays due
            job(day)
    for workspace, story in simulation.stories.items():
        for fact in story:
            if fact.kind in ("start", "paid", "end"):
                simulation.apply(fact, workspace, now=END)
    assert state() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("seeds", "at_once"), [(CAUGHT, (2, 1)), pytest.param(MANY, (5, 2), marks=slow)], ids=["few", "many"]
)
def test_two_months_of_outage_then_two_workers_one_of_which_is_killed(
    seeds: Sequence[int], at_once: tuple[int, int]
) -> None:
    simulation = Simulation(seeds, outage=OUTAGE)
    killed: list[BaseException] = []

    def after_the_outage(now: datetime) -> None:
        if now == OUTAGE[1]:
            killed.append(two_workers(now, at_once))
        job(now)

    simulation.run(after_the_outage)
    assert_as_expected(simulation)
    assert len(killed) == 1


def two_workers(now: datetime, at_once: tuple[int, int]) -> BaseException:
    """Both open what is due, each so many at once; the server ends the first one's connection when it has begun. What
    it died of.
    """
    pid: list[int] = []
    begun, gone, died = threading.Event(), threading.Event(), []

    def first() -> None:
        connection.ensure_connection()
        pid.append(connection.connection.info.backend_pid)
        try:
            with connection.execute_wrapper(wait_in_the_middle):
                while roll(now=now, limit=at_once[0]):
                    pass
        except (PeriodFailed, DatabaseError, InterfaceError) as error:
            died.append(error)
        finally:
            connection.close()

    def wait_in_the_middle(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.strip().startswith("UPDATE plans_subscription SET period"):
            begun.set()  # grants are posted, and not committed
            gone.wait(30)
        return execute(sql, params, many, context)

    def second() -> None:
        begun.wait(30)  # else it may have done everything before the first one looks
        try:
            while roll(now=now, limit=at_once[1]):
                pass
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for work in (first, second)]
    for worker in workers:
        worker.start()
    assert begun.wait(30)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid[0]])
    gone.set()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)
    return died[0]


def state() -> list[Any]:
    """Everything that another run could change."""
    rows: list[Any] = list(Subscription.objects.order_by("pk").values_list())
    rows += Lot.objects.order_by("pk").values_list("pk", "amount", "remaining", "effective_at", "expires_at")
    return [*rows, Transfer.objects.count(), Workspace.objects.count()]
