"""One key, several web servers of several processes each: together they let through what the key may, and no more."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.testing.patient import WebServer
from portal.tests.integrations.conftest import Make, manage

LIMIT = 200
SLICE = LIMIT // 20  # the most that a process may set aside for itself
PROCESSES = 4  # two servers with two each


@pytest.fixture
def other(server: WebServer) -> Iterator[WebServer]:
    """A second web server on the same database, as on a second machine."""
    other = WebServer(Path(server.environment["PURSER_HOME"]), server.environment["DATABASE_URL"])
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


def wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
            return
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.1)


def test_servers_share_the_limit_of_a_key(server: WebServer, other: WebServer, customer: Make) -> None:
    words = ("--name", "narrow", "--scopes", "usage:read", "--rate-limit", str(LIMIT), "--json")
    key = json.loads(manage(server.environment, "service_key_create", *words))["api_key"]
    headers = {"Authorization": f"Bearer {key}", "Purser-Workspace": customer(0).workspace}
    ports = (server.port, other.port)
    for port in ports:
        wait_for(port)
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
