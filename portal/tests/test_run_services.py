"""With DATABASE_URL the same command uses the services it is given, and the demo stays out."""

import time
from collections.abc import Iterator

import psycopg
import pytest

from portal.testing.homes import temporary_home
from portal.testing.processes import RunningPortal, alive
from portal.testing.ready import prepared


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A PostgreSQL that is not the portal's own."""
    with prepared() as made:
        yield made.url


@pytest.fixture(scope="module")
def portal(database: str) -> Iterator[RunningPortal]:
    with temporary_home() as home:
        running = RunningPortal(home, DATABASE_URL=database)
        yield running
        family = running.family()
        assert running.stop() == 0
        assert alive(family) == []


def count(database: str, question: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
    return int(row[0])


def test_there_is_no_demo_no_user_and_no_embedded_server(portal: RunningPortal, database: str) -> None:
    assert not (portal.home / "demo.json").exists()
    assert not (portal.home / "postgres").exists()
    assert "password" not in portal.output
    assert "createsuperuser" in portal.output
    assert count(database, "SELECT count(*) FROM accounts_user") == 0
    assert count(database, "SELECT count(*) FROM accounts_workspace") == 0


def test_no_payments_are_simulated(portal: RunningPortal) -> None:
    assert "not connected to Stripe" in portal.output
    assert not (portal.home / "standin").exists()
    assert portal.fetch("/simulated-stripe/checkout/cs_test_x/").status == 404
    assert not (portal.home / "standin-usdc").exists()
    assert portal.fetch("/simulated-usdc/transactions/0x00").status == 404


def test_there_is_no_outbox_page(portal: RunningPortal) -> None:
    assert portal.fetch("/outbox/").status == 404


def test_prices_are_there_from_the_start(portal: RunningPortal, database: str) -> None:
    assert count(database, "SELECT count(*) FROM pricing_priceline") > 1000


def test_the_due_work_is_done(portal: RunningPortal, database: str) -> None:
    until = time.monotonic() + 60
    finished = "SELECT count(*) FROM foundation_duejob WHERE last_finished_at IS NOT NULL AND failures = 0"
    while not count(database, finished):
        assert time.monotonic() < until
        time.sleep(0.2)
