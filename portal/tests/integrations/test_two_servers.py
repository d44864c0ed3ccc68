"""One database and two web servers of several processes each: they share a key's limit, and change a price at once.

Nothing here moves a clock: a new price counts a minute after it was entered, as in life, and by then every process must
have heard of it. Some do what was used before it, some what was used after it, in whatever order it comes in. How the
limit is shared is looked at meanwhile.
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random

import pytest

from portal.testing.patient import WebServer
from portal.tests.integrations.conftest import Customer, Make, manage

LIMIT = 200
SLICE = LIMIT // 20  # the most that a process may set aside for itself
PROCESSES = 4  # two servers with two each

MODEL = "openai/gpt-4.1-nano"  # no other test charges by it
TOKENS = 1_000_000
OLD, NEW = Decimal(20), Decimal(40)  # credits: $0.10 and $0.20 at half a cent each
ENTER = """
from decimal import Decimal
from billing.pricing.operator import Wish, price_set
provider, _, model = "{model}".partition("/")
price = {{"meter": "input_tokens", "price": Decimal("0.2"), "per": 1_000_000, "customers_told": True}}
wish = Wish(provider=provider, model=model, **price)
print(price_set(wish, by="a test").effective_from.isoformat())
"""


@pytest.fixture(scope="module")
def other(server: WebServer) -> Iterator[WebServer]:
    """A second web server on the same database, as on a second machine."""
    other = WebServer(Path(server.environment["PURSER_HOME"]), server.environment["DATABASE_URL"])
    other.wait()
    yield other
    other.kill()


def ask(port: int, headers: dict[str, str], times: int, answers: list[tuple[int, int]]) -> None:
    """(port, status) of each; connections of their own, so that all processes of a server get some."""
    for _ in range(times):
        way = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        way.request("GET", "/api/v1/pricing/models?limit=1", headers=headers)
        response = way.getresponse()
        response.read()
        answers.append((port, response.status))
        way.close()


class Reports:
    """What was reported, with what it cost."""

    def __init__(self, customer: Customer, ports: tuple[int, int]) -> None:
        self.customer, self.ports = customer, ports
        self.charged: list[tuple[datetime, int, Decimal]] = []  # occurred at, port, credits
        self._numbers = count()

    def report(self, port: int, at: datetime) -> None:
        """By a connection of its own, so that all processes of a server get some."""
        body = {
            "event_id": f"noon-{next(self._numbers)}",
            "model": MODEL,
            "usage": {"input_tokens": TOKENS},
            "occurred_at": at.isoformat(),
        }
        headers = {"Authorization": f"Bearer {self.customer.key}", "Content-Type": "application/json"}
        way = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        way.request("POST", "/api/v1/usage", json.dumps(body), headers)
        response = way.getresponse()
        answer = json.loads(response.read(), parse_float=Decimal, parse_int=Decimal)
        way.close()
        assert response.status == 201, answer
        self.charged.append((at, port, answer["credits"]))

    def at_once(self, instants: list[datetime]) -> None:
        """Each of them at both servers, by four threads each in an order of its own."""
        threads = [
            threading.Thread(target=self._each, args=(port, Random(seed).sample(instants, len(instants))))
            for port in self.ports
            for seed in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _each(self, port: int, instants: list[datetime]) -> None:
        for at in instants:
            self.report(port, at)


@dataclass(frozen=True)
class Noon:
    """When the new price counts, and what is reported until then."""

    at: datetime
    reports: Reports
    last_ones: Future[None]


@pytest.fixture(scope="module")
def noon(server: WebServer, other: WebServer, customer: Make) -> Iterator[Noon]:
    """The new price is entered."""
    reports = Reports(customer(100_000), (server.port, other.port))
    reports.at_once([datetime.now(UTC) for _ in range(5)])  # every process has read the prices by now
    entered = manage(server.environment, "shell", "--no-imports", "-c", ENTER.format(model=MODEL))
    at = datetime.fromisoformat(entered.strip().splitlines()[-1])
    assert timedelta(seconds=45) < at - datetime.now(UTC) <= timedelta(seconds=60)

    def last_ones() -> None:
        time.sleep((at - datetime.now(UTC)).total_seconds() - 3)
        reports.at_once([datetime.now(UTC)])

    reports.at_once([datetime.now(UTC)])
    with ThreadPoolExecutor(1) as pool:
        yield Noon(at, reports, pool.submit(last_ones))


@pytest.mark.usefixtures("noon")
def test_servers_share_the_limit_of_a_key(server: WebServer, other: WebServer, customer: Make) -> None:
    words = ("--name", "narrow", "--scopes", "usage:read", "--rate-limit", str(LIMIT), "--json")
    key = json.loads(manage(server.environment, "service_key_create", *words))["api_key"]
    headers = {"Authorization": f"Bearer {key}", "Purser-Workspace": customer(0).workspace}
    ports = (server.port, other.port)
    answers: list[tuple[int, int]] = []
    threads = [threading.Thread(target=ask, args=(port, headers, LIMIT // 2, answers)) for port in ports * 4]
    first = int(time.time() // 60)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    minutes = int(time.time() // 60) - first + 1  # the minute may end meanwhile
    let = Counter(port for port, status in answers if status == 200)
    assert {status for _, status in answers} == {200, 429}
    assert len(answers) == 4 * LIMIT
    assert sum(let.values()) <= LIMIT * minutes
    assert sum(let.values()) >= LIMIT - (PROCESSES - 1) * SLICE
    assert all(let[port] for port in ports)


def test_before_noon_costs_the_old_price_and_after_it_the_new_one(noon: Noon) -> None:
    reports, ports = noon.reports, noon.reports.ports
    noon.last_ones.result()
    time.sleep(max(0, (noon.at + timedelta(seconds=3) - datetime.now(UTC)).total_seconds()))
    minute = timedelta(minutes=1)
    around = [noon.at - minute, noon.at - timedelta(microseconds=1), noon.at, noon.at + timedelta(seconds=2)]
    reports.at_once(around)  # in either order, and those before noon late

    assert {credits for at, _, credits in reports.charged if at < noon.at} == {OLD}
    assert {credits for at, _, credits in reports.charged if at >= noon.at} == {NEW}
    late = Counter((port, at < noon.at) for at, port, _ in reports.charged[-8 * len(around) :])
    assert late == {(port, before): 8 for port in ports for before in (True, False)}
