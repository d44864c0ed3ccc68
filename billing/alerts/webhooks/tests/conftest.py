import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from accounts.models import User, Workspace
from billing.alerts.webhooks.delivery import deliver
from billing.alerts.webhooks.emitting import event_emit
from billing.alerts.webhooks.endpoints import endpoint_create
from billing.alerts.webhooks.keeping import read_secret
from billing.alerts.webhooks.models import WebhookDelivery, WebhookEndpoint
from billing.alerts.webhooks.types import OFFERED
from billing.credits import clock

Handle = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


def answer(status: int, body: bytes = b"", **headers: str) -> Handle:
    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return handle


@dataclass
class Receiver:
    """A real web server on the loopback address. It answers by `script`, one after the other, then by `usual`."""

    server: ThreadingHTTPServer
    script: list[Handle] = field(default_factory=list)
    usual: Handle = field(default_factory=lambda: answer(204))
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hooks"

    def next(self) -> Handle:
        with self.lock:
            return self.script.pop(0) if self.script else self.usual


def _server() -> Receiver:
    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            receiver.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append(Request(self.path, headers, body))
            try:
                receiver.next()(self)
            except OSError:
                self.close_connection = True  # the sender had hung up: that is what some tests are about

        def log_message(self, *_args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(server)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = _server()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def other_receiver() -> Iterator[Receiver]:
    made = _server()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def opened(settings: Any) -> None:
    """The operator allows what tests can have: the loopback address, without TLS."""
    settings.WEBHOOK_ALLOW_NETWORKS_FOR_CUSTOMERS = ["127.0.0.0/8"]
    settings.WEBHOOK_ALLOW_HTTP = True


Make = Callable[..., WebhookEndpoint]


@pytest.fixture
def endpoint(workspace: Workspace, alice: User, receiver: Receiver, opened: None) -> Make:
    """`endpoint(event_types=[…])`: one of the workspace that leads to the receiver; it hears of everything."""

    def make(**changes: Any) -> WebhookEndpoint:
        terms = {"workspace": workspace, "url": receiver.url, "event_types": list(OFFERED), "by": alice}
        return endpoint_create(**{**terms, **changes})[0]

    return make


def secret_of(endpoint: WebhookEndpoint) -> str:
    return read_secret(WebhookEndpoint.objects.get(pk=endpoint.pk).secret)


def emit(workspace: Workspace, key: str = "k1", type: str = "balance.low") -> WebhookDelivery:
    """An event that one endpoint hears of."""
    event = event_emit(workspace, type, key, {"state": "low"})
    assert event is not None
    return event.deliveries.get()


NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


def deliver_at(at: datetime = NOW) -> int:
    with clock.at(at):
        return deliver()


def until(condition: Callable[[], Any], seconds: float = 5) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.01)
