"""A worker's process is killed between the charge and its record: one charge, one credit."""

import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from billing.credits import clock
from billing.credits.units import NANO
from billing.packs.autotopup.tests.conftest import TopUps, credits_of, look, sound, spend, sweep
from portal.home import BASE_DIR
from portal.testing.simulated import KEY
from portal.testing.testdatabase import url_of_tests


def environment(stripe: str) -> dict[str, str]:
    """For a process that works on the test database, with the stand-in."""
    return os.environ | {
        "DATABASE_URL": url_of_tests(),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "STRIPE_SECRET_KEY": KEY,
        "STRIPE_API_HOST": stripe,
    }


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_between_the_charge_and_its_record(top_ups: TopUps) -> None:
    top_ups.agree()
    spend(top_ups.workspace, 60)
    # The card is charged, and the answer does not come.
    top_ups.simulated.control(
        "faults", on="payment_intents$", method="POST", times=1, status=503, seconds=60, afterwards=True
    )
    command = [sys.executable, "-m", "billing.packs.autotopup.tests.sweeper"]
    worker = subprocess.Popen(command, cwd=BASE_DIR, env=environment(top_ups.simulated.url))
    try:
        ends = time.monotonic() + 120
        while top_ups.taken == 0:
            assert worker.poll() is None, "it ended by itself"
            assert time.monotonic() < ends
            time.sleep(0.05)
    finally:
        worker.kill()
        worker.wait(10)
    (made,) = top_ups.made
    assert (made.outcome, made.purchase.status) == ("", "open")
    assert (top_ups.taken, credits_of(top_ups.workspace)) == (1_000, 90 * NANO)
    sweep()
    with clock.at(clock.now() + timedelta(minutes=3)):
        look()
        sweep()
        look()
    assert [each.outcome for each in top_ups.made] == ["succeeded"]
    assert (top_ups.taken, credits_of(top_ups.workspace)) == (1_000, 2_090 * NANO)
    sound(top_ups.workspace)
