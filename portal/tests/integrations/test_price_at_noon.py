"""A price that changes while several servers of several processes charge by it: what counts is when something happened.

Nothing here moves a clock: the new price counts a minute after it was entered, as in life, and by then every process
must have heard of it. Some do what was used before it, some what was used after it, in whatever order it comes in.
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random

import pytest

from portal.testing.patient import WebServer
from portal.tests.integrations.conftest import Customer, Make, manage
from portal.tests.integrations.test_one_limit import wait_for

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


@pytest.fixture
def other(server: WebServer) -> Iterator[WebServer]:
    """A second web server on the same database, as on a second machine."""
    other = WebServer(Path(server.environment["PURSER_HOME"]), server.environment["DATABASE_URL"])
    yield other
    other.kill()


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


def test_before_noon_costs_the_old_price_and_after_it_the_new_one(
    server: WebServer, other: WebServer, customer: Make
) -> None:
    ports = (server.port, other.port)
    for port in ports:
        wait_for(port)
    reports = Reports(customer(100_000), ports)
    reports.at_once([datetime.now(UTC) for _ in range(5)])  # every process has read the prices by now
    entered = manage(server.environment, "shell", "--no-imports", "-c", ENTER.format(model=MODEL))
    noon = datetime.fromisoformat(entered.strip().splitlines()[-1])
    assert timedelta(seconds=45) < noon - datetime.now(UTC) <= timedelta(seconds=60)

    reports.at_once([datetime.now(UTC)])
    time.sleep((noon - datetime.now(UTC)).total_seconds() - 3)
    reports.at_once([datetime.now(UTC)])  # the last ones before
    time.sleep((noon + timedelta(seconds=3) - datetime.now(UTC)).total_seconds())
    minute = timedelta(minutes=1)
    around = [noon - minute, noon - timedelta(microseconds=1), noon, noon + timedelta(seconds=2)]
    reports.at_once(around)  # in either order, and those before noon late

    assert {credits for at, _, credits in reports.charged if at < noon} == {OLD}
    assert {credits for at, _, credits in reports.charged if at >= noon} == {NEW}
    late = Counter((port, at < noon) for at, port, _ in reports.charged[-8 * len(around) :])
    assert late == {(port, before): 8 for port in ports for before in (True, False)}
