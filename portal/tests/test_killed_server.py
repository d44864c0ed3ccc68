"""SIGKILL to the web server at any moment: what was not answered is repeated, and counts exactly once."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import psycopg
import pytest

from portal.home import BASE_DIR
from portal.testing.patient import Call, Clients, Reply, WebServer, kill_meanwhile
from portal.testing.ready import Prepared, prepared

CREDITS = (5, 70, 1_000, 1_000, 1_000, 1_000)
MAKE = f"""
import json
from decimal import Decimal
from portal.management.provision import workspace_provision
made = [
    workspace_provision(name=f"Hot {{number}}", owner_email="hot@example.com", credits=Decimal(credits))
    for number, credits in enumerate({CREDITS})
]
print(json.dumps([(each.workspace.public_id, each.api_key) for each in made]))
"""


@pytest.fixture(scope="module")
def installation() -> Iterator[Prepared]:
    with prepared() as made:
        yield made


@pytest.fixture(scope="module")
def database(installation: Prepared) -> str:
    return installation.url


@pytest.fixture(scope="module")
def server(installation: Prepared) -> Iterator[WebServer]:
    server = WebServer(installation.home, installation.url)
    yield server
    server.kill()
    manage(server.environment, "verify_ledger")  # of all customers; fails when anything does not add up


def manage(environment: dict[str, str], *words: str) -> str:
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass
class Customer:
    """A workspace of the running server: its clients, and what the database knows of it."""

    clients: Clients
    public_id: str
    database: psycopg.Connection[Any]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """`sql` ends with its condition on the workspace."""
        whose = "workspace_id = (SELECT id FROM accounts_workspace WHERE public_id = %s)"
        return self.database.execute(f"{sql} {whose}", [self.public_id]).fetchall()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def customers(server: WebServer, database: str) -> Iterator[list[Customer]]:
    """One for each test, all made by one process; the first ones have few credits."""
    made = json.loads(manage(server.environment, "shell", "--no-imports", "-c", MAKE).splitlines()[-1])
    with psycopg.connect(database, autocommit=True) as connection:
        yield [
            Customer(Clients(server, {"Authorization": f"Bearer {key}"}), public_id, connection)
            for public_id, key in made
        ]


def usage(number: int, rng: Random) -> Call:
    tokens = {"input_tokens": rng.randrange(1, 2_000), "output_tokens": rng.randrange(500)}
    return Call("/api/v1/usage", {"event_id": f"e{number}", "model": "openai/gpt-4o-mini", "usage": tokens})


def price(call: Call) -> int:
    """Nano-credits: $0.15 and $0.60 per million tokens at $0.005 a credit."""
    tokens = call.body["usage"]
    return int(tokens["input_tokens"] * 30_000 + tokens["output_tokens"] * 120_000)


def assert_each_counted_once(hot: Customer, calls: list[Call]) -> None:
    """Events, ledger, hourly totals and balance against the price list."""
    charged = {call.body["event_id"]: price(call) for call in calls}
    total, count = sum(charged.values()), len(charged)
    events = hot.rows("SELECT event_id, amount FROM metering_usageevent WHERE")
    assert len(events) == count
    assert dict(events) == charged
    sums = "SELECT sum(amount), count(DISTINCT operation_id) FROM ledger_transfer WHERE credit = 'spent' AND"
    assert hot.rows(sums) == [(total, count)]
    for table in ("hourtotal", "hourusage"):
        assert hot.rows(f"SELECT sum(amount), sum(requests) FROM metering_{table} WHERE") == [(total, count)]
    [(granted,)] = hot.rows("SELECT sum(amount) FROM ledger_lot WHERE")
    wallet = hot.rows("SELECT available - debt, held, least(available, debt) FROM ledger_wallet WHERE")
    assert wallet == [(granted - total, 0, 0)]


def assert_replayed(clients: Clients, replies: list[Reply]) -> None:
    for first in replies:
        again = clients.send(first.call)
        assert (again.status, again.text, again.replay) == (first.status, first.text, True)


@pytest.mark.parametrize(
    ("who", "requests", "kills"),
    [(0, 100, 1), pytest.param(1, 2_000, 16, marks=pytest.mark.slow)],
    ids=["small", "full"],
)
def test_killed_at_random_moments_it_counts_each_request_once(
    customers: list[Customer], who: int, requests: int, kills: int
) -> None:
    rng = Random(requests)
    calls = [usage(number, rng) for number in range(requests)]
    hot = customers[who]
    assert sum(map(price, calls)) > CREDITS[who] * 10**9  # the rest becomes debt
    clients = hot.clients
    killing = kill_meanwhile(clients, moments=sorted(rng.sample(range(10, requests - 30), kills)), rng=rng)
    clients.send_all(calls, at_once=8)
    killing.join()
    replies = list(clients.replies)
    assert len(replies) == requests
    assert {reply.status for reply in replies} == {201}
    assert sum(reply.died for reply in replies) >= kills  # they did hit requests in flight
    assert_replayed(clients, [reply for reply in replies if reply.died] + rng.sample(replies, requests // 20))
    assert_each_counted_once(hot, calls)


def authorize(number: int, rng: Random) -> Call:
    """A hold of what `usage(number, rng)` may cost, or of less: then the settlement takes the rest from the balance."""
    credits = f"{rng.randrange(1, 150) / 1000}"
    body = {"model": "openai/gpt-4o-mini", "max_credits": credits, "expires_in": 3_600}
    return Call("/api/v1/usage/authorize", body, key=f"request-{number}")


@pytest.mark.parametrize(
    ("who", "pairs", "kills"),
    [(2, 60, 1), pytest.param(3, 500, 10, marks=pytest.mark.slow)],
    ids=["small", "full"],
)
def test_killed_at_random_moments_it_holds_and_settles_each_request_once(
    customers: list[Customer], who: int, pairs: int, kills: int
) -> None:
    rng = Random(pairs)
    wanted = [(authorize(number, rng), usage(number, rng)) for number in range(pairs)]
    hot = customers[who]
    clients = hot.clients
    settlements: list[Call] = []

    def run(asked: Call, used: Call) -> None:
        hold = clients.send(asked).json()["hold"]
        settlements.append(Call(f"/api/v1/usage/holds/{hold}/settle", used.body))
        clients.send(settlements[-1])

    killing = kill_meanwhile(clients, moments=sorted(rng.sample(range(10, 2 * pairs - 20), kills)), rng=rng)
    clients.work([partial(run, *pair) for pair in wanted], at_once=8)
    killing.join()
    replies = list(clients.replies)
    assert len(replies) == 2 * pairs
    assert {reply.status for reply in replies} == {201}
    assert sum(reply.died for reply in replies) >= kills
    assert_replayed(clients, [reply for reply in replies if reply.died] + rng.sample(replies, pairs // 10))
    assert_each_counted_once(hot, settlements)
    ends = "SELECT count(*), count(open_until) FROM ledger_hold WHERE"
    assert hot.rows(ends) == [(pairs, 0)]
    settled = "SELECT count(*), count(DISTINCT hold_id) FROM metering_usageevent WHERE hold_id IS NOT NULL AND"
    assert hot.rows(settled) == [(pairs, pairs)]


def killed_while_standing_still(hot: Customer, table: str) -> list[Reply]:
    """The replies to three requests that stood still in the database, at a locked table, when the server was killed."""
    clients, calls = hot.clients, [usage(number, Random(number)) for number in range(3)]
    with psycopg.connect(hot.database.info.dsn) as other:
        other.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")  # type: ignore[arg-type]
        sending = threading.Thread(target=clients.send_all, args=(calls,), kwargs={"at_once": 3})
        sending.start()
        until = time.monotonic() + 30
        while other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (len(calls),):
            assert time.monotonic() < until
            time.sleep(0.02)
        clients.server.kill()
    clients.server.start()
    sending.join()
    assert [reply.died for reply in clients.replies] == [1, 1, 1]
    assert_each_counted_once(hot, calls)
    return clients.replies


def test_killed_before_it_wrote_it_counts_the_repeat(customers: list[Customer]) -> None:
    replies = killed_while_standing_still(customers[4], "ledger_wallet")
    assert [reply.replay for reply in replies] == [False, False, False]


def test_killed_between_commit_and_answer_it_answers_the_repeat_and_counts_nothing(customers: list[Customer]) -> None:
    # One of the three is on its way through the last round trip, which commits; the others wait for its lock.
    replies = killed_while_standing_still(customers[5], "metering_hourtotal")
    assert sorted(reply.replay for reply in replies) == [False, False, True]
