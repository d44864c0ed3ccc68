"""Many at once: sweeps, spends on a declined card, a balance that swings around the bound. One charge per real fall."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection

from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.due.registry import run_due
from billing.ledger.services import credits_adjust
from billing.packs.autotopup import due
from billing.packs.autotopup.charging import BACK_OFF
from billing.packs.autotopup.tests.conftest import (
    FAILS_LATER,
    JOB,
    TopUps,
    credits_of,
    look,
    sound,
    spend,
    sweep,
    sweep_failing,
)
from billing.packs.tasks import JOB as LOOKS

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(times: int, act: Callable[[int], object], threads: int = 8) -> None:
    def closing(number: int) -> None:
        try:
            act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(closing, range(times)))


def adjust(top_ups: TopUps, credits: int, key: str) -> None:
    credits_adjust(workspace_id=top_ups.workspace.pk, key=key, amount=credits * NANO, reason="test", actor="test")


def test_two_sweeps_make_one_charge(top_ups: TopUps) -> None:
    top_ups.agree()
    spend(top_ups.workspace, 60)
    at_once(6, lambda _: run_due(only=JOB), threads=6)
    with clock.at(clock.now() + timedelta(minutes=3)):
        look()
    assert [each.outcome for each in top_ups.made] == ["succeeded"]
    assert (top_ups.taken, credits_of(top_ups.workspace)) == (1_000, 2_090 * NANO)
    sound(top_ups.workspace)


def test_a_sweep_and_a_look_at_the_same_charge_credit_it_once(top_ups: TopUps) -> None:
    top_ups.agree()
    spend(top_ups.workspace, 60)
    assert due.top_up_begin(top_ups.workspace) is not None
    later = clock.now() + timedelta(minutes=3)

    def either(number: int) -> None:
        with clock.at(later):
            run_due(only=LOOKS if number % 2 else JOB)

    at_once(6, either, threads=6)
    with clock.at(later + timedelta(minutes=3)):
        look()
    assert (top_ups.taken, credits_of(top_ups.workspace)) == (1_000, 2_090 * NANO)
    assert [each.outcome for each in top_ups.made] == ["succeeded"]
    sound(top_ups.workspace)


@pytest.mark.parametrize("spends", [16, pytest.param(500, marks=pytest.mark.slow)])
def test_many_spends_on_a_declined_card_make_the_scheduled_attempts(top_ups: TopUps, spends: int) -> None:
    top_ups.agree(FAILS_LATER)
    adjust(top_ups, spends - 10, "more to spend")
    spend(top_ups.workspace, 50, "down to the bound")

    def use(number: int) -> None:
        adjust(top_ups, -1, f"use{number}")
        run_due(only=JOB)

    now = clock.now()
    at_once(spends, use)
    assert (len(top_ups.made), len(top_ups.mails())) == (1, 1)
    for attempt, pause in enumerate((*BACK_OFF, timedelta(days=2)), start=2):
        now += pause + timedelta(minutes=5)

        def look_again(_: int, now: datetime = now) -> None:
            with clock.at(now):
                run_due(only=JOB)

        at_once(6, look_again)
        assert len(top_ups.made) == min(attempt, 4)
        assert len(top_ups.mails()) == min(attempt, 4), "one for each stage"
    assert {each.outcome for each in top_ups.made} == {"declined"}
    assert len(top_ups.mails()) == 4
    assert not top_ups.row.enabled
    assert top_ups.taken == 0


@pytest.mark.parametrize("swings", [40, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_balance_that_swings_around_the_bound_is_charged_once_a_real_fall(top_ups: TopUps, swings: int) -> None:
    top_ups.agree()
    top_ups.simulated.control("faults", on="payment_intents$", method="POST", times=2, status=503, afterwards=True)
    adjust(top_ups, -51, "down")
    sweep_failing()  # the card is charged, and the answer is lost: it is on its way
    for number in range(swings // 2):
        adjust(top_ups, 51, f"up{number}")
        adjust(top_ups, -51, f"down{number}")
        if number % 10 == 0:
            sweep()
    assert len(top_ups.made) == 1, "while one charge is on its way, there is no other"
    with clock.at(clock.now() + timedelta(minutes=3)):
        look()
    assert (top_ups.taken, credits_of(top_ups.workspace)) == (1_000, 2_099 * NANO)
    spend(top_ups.workspace, 2_049, "a second fall")
    sweep()
    sweep()
    assert top_ups.taken == 2_000
    assert [each.outcome for each in top_ups.made] == ["succeeded", "succeeded"]
