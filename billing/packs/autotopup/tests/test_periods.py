"""Days and months of the caps are the calendar's in the workspace's time zone; what is on its way counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.packs.autotopup import due
from billing.packs.autotopup.periods import charged, end_of, start_of
from billing.packs.autotopup.settings import auto_top_up_change
from billing.packs.autotopup.sizing import Charged
from billing.packs.autotopup.tests.conftest import TERMS, TopUps, look, spend, sweep, sweep_failing

pytestmark = pytest.mark.django_db(transaction=True)
MIDNIGHT = datetime(2027, 3, 31, 18, 30, tzinfo=UTC)  # the first of April in Kolkata


@pytest.fixture
def kolkata(top_ups: TopUps) -> TopUps:
    Workspace.objects.filter(pk=top_ups.workspace.pk).update(time_zone="Asia/Kolkata")
    top_ups.workspace.refresh_from_db()
    return top_ups


def test_a_day_and_a_month_begin_at_the_workspaces_midnight(kolkata: TopUps) -> None:
    before = MIDNIGHT - timedelta(seconds=1)
    for period, began in (("day", MIDNIGHT - timedelta(days=1)), ("month", MIDNIGHT - timedelta(days=31))):
        assert start_of(period, kolkata.workspace, before) == began  # type: ignore[arg-type]
        assert end_of(period, kolkata.workspace, before) == MIDNIGHT  # type: ignore[arg-type]
        assert start_of(period, kolkata.workspace, MIDNIGHT) == MIDNIGHT  # type: ignore[arg-type]


def test_the_months_cap_ends_at_midnight_and_counts_what_is_on_its_way(kolkata: TopUps) -> None:
    with clock.at(MIDNIGHT - timedelta(minutes=10)):
        kolkata.agree(day_cap=1_000, month_cap=1_000)
        kolkata.simulated.control("faults", on="payment_intents$", method="POST", times=2, status=503)
        spend(kolkata.workspace, 60)
        sweep_failing()  # decided on in March, and Stripe does not answer before April
        assert charged(kolkata.workspace, clock.now()) == Charged(1_000, 1_000)
    with clock.at(MIDNIGHT + timedelta(minutes=1)):
        look()
        assert kolkata.taken == 1_000
        assert charged(kolkata.workspace, clock.now()) == Charged(0, 0), "it is March's"
        spend(kolkata.workspace, 2_000, "April")
        sweep()
        sweep()
        assert charged(kolkata.workspace, clock.now()) == Charged(1_000, 1_000)
        spend(kolkata.workspace, 2_000, "more")
        sweep()
    assert (kolkata.taken, kolkata.row.waits_for) == (2_000, "month")
    assert kolkata.row.not_before == datetime(2027, 4, 30, 18, 30, tzinfo=UTC)


def test_a_lower_cap_counts_from_the_next_charge_on(top_ups: TopUps) -> None:
    """What was decided on before is completed, and is part of the sum."""
    top_ups.agree()
    spend(top_ups.workspace, 60)
    begun = due.top_up_begin(top_ups.workspace)
    assert begun is not None
    less = replace(TERMS, day_cap=1_000, month_cap=1_000)
    auto_top_up_change(workspace=top_ups.workspace, enabled=True, terms=less, amount_in="money", actor=top_ups.person)
    due.top_up_charge(begun)
    assert top_ups.taken == 1_000
    spend(top_ups.workspace, 2_000, "more")
    sweep()
    assert (top_ups.taken, top_ups.row.waits_for) == (1_000, "month")
