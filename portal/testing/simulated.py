"""The stand-in for Stripe in a test: in this process, in memory, on a free port, the SDK pointed at it."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from portal.standin.app import Reply, Request
from portal.standin.client import StandInClient
from portal.standin.server import Server
from portal.standin.world import API_VERSION
from portal.testing.shapes import Shapes

TOKEN = "token-of-the-tests"
KEY = "sk_test_" + "t" * 24
PAGES = "http://testserver/simulated-stripe"


class SimulatedStripe:
    """The running stand-in. Every answer of its API is held against the SDK's annotations."""

    def __init__(self, file: Path | None = None, port: int = 0) -> None:
        self.file = file
        self.shapes = Shapes()
        self._start(port)

    def _start(self, port: int) -> None:
        self.server = Server(port=port, file=self.file, pages=PAGES, token=TOKEN)
        self._watch(self.server)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()

    def _watch(self, server: Server) -> None:
        handle = server.app.handle

        def watched(request: Request) -> Reply:
            reply = handle(request)
            if request.target.startswith("/v1/"):
                assert reply.status != 500 or server.app.control.faults, reply.body
                self.shapes.check(reply.body)
            return reply

        server.app.handle = watched  # type: ignore[method-assign]

    def stop(self) -> None:
        self.server.end()
        self.thread.join(5)

    def restart(self) -> None:
        """End and begin again on the same port, with what the file has kept."""
        port = self.server.server_port
        self.stop()
        self._start(port)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def client(self) -> StandInClient:
        return StandInClient(self.url, TOKEN)

    def control(self, path: str, **params: Any) -> dict[str, Any]:
        return self.client.post(f"_control/{path}", **params)

    def advance(self, **by: int) -> dict[str, Any]:
        return self.control("clock", **by)

    def books(self) -> dict[str, Any]:
        return self.client.get("_control/books")

    def pay(self, session: str, number: str = "4242424242424242") -> dict[str, Any]:
        """As the Checkout page does."""
        return self.client.post(f"_hosted/checkout/{session}/pay", number=number)

    def settle(self, seconds: float = 20) -> None:
        """Wait until every webhook was acknowledged."""
        wait_until(self.server.app.courier.idle, seconds)

    def kinds(self) -> list[str]:
        """The events so far, oldest first."""
        events = stripe.Event.list(limit=100).auto_paging_iter()
        return [str(event.type) for event in events][::-1]


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[SimulatedStripe]:
    """The stand-in, empty; fails when an answer had a field that Stripe's has not, or lacked one."""
    running = SimulatedStripe()
    point_sdk(monkeypatch, settings, running)
    yield running
    running.stop()
    assert running.shapes.unknown == set()
    assert running.shapes.missing == set()
    assert running.shapes.wrong == set()


@pytest.fixture
def simulated_file(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[SimulatedStripe]:
    """One that can be restarted."""
    running = SimulatedStripe(tmp_path / "state.sqlite3")
    point_sdk(monkeypatch, settings, running)
    yield running
    running.stop()


def point_sdk(monkeypatch: pytest.MonkeyPatch, settings: Any, running: SimulatedStripe) -> None:
    monkeypatch.setattr(stripe, "api_base", running.url)
    monkeypatch.setattr(stripe, "api_key", KEY)
    monkeypatch.setattr(stripe, "api_version", API_VERSION)
    monkeypatch.setattr(stripe, "max_network_retries", 0)
    settings.STRIPE_API_HOST = running.url
    settings.STANDIN_TOKEN = TOKEN
