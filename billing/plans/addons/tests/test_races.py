"""Several workers and people at the same moment, in real threads."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from accounts.models import User
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.due.registry import run_due
from billing.plans.addons.attending import JOB
from billing.plans.addons.services import addon_set
from billing.plans.addons.tests.conftest import START, charges, day, fund, mails, on_plan, put, sound
from billing.plans.models import AddOnChange, WorkspaceAddOn

pytestmark = pytest.mark.django_db(transaction=True)
PRICE = 500 * NANO


def together(count: int, work: object) -> list[object]:
    barrier = Barrier(count)

    def run(number: int) -> object:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            return work(number)  # type: ignore[operator]
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_two_workers_charge_each_period_once_and_warn_once(alice: User) -> None:
    teams = [on_plan(alice, f"Team{number}") for number in range(6)]
    for team in teams:
        fund(team, 1_200)  # for two periods, and what is due is three
        put(team, "concurrency", 1, at=START)

    def work(_: int) -> int:
        with clock.at(day(4, 15)):
            (run,) = run_due(only=JOB)
        assert run.error == ""
        return run.items

    assert sum(map(int, together(2, work))) == 6 * 2  # type: ignore[call-overload]
    assert [charges(team) for team in teams] == [[PRICE] * 2] * 6
    assert mails("short") == 6
    for team in teams:
        sound(team)


def test_added_by_four_at_once_it_is_added_once(alice: User) -> None:
    team = on_plan(alice)
    fund(team, 9_000)

    def add(number: int) -> bool:
        with clock.at(START):
            key = f"k{number % 2}"
            return addon_set(workspace=team, addon_key="concurrency", quantity=2, key=key, actor="tests").replay

    assert sorted(map(bool, together(4, add))) == [False, False, True, True]
    assert charges(team) == [2 * PRICE]
    assert (WorkspaceAddOn.objects.count(), AddOnChange.objects.count()) == (1, 2)  # the second key kept it as it was
    sound(team)
