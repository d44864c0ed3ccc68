"""Clients over HTTP: one connection each, a plain socket and prepared bytes. Imports no Django."""

import itertools
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from time import monotonic
from typing import Any

from load import loop, own_order, stretches

BLOCK = 1 << 16
RENEW_AFTER = 20  # requests
EVENT_ID = "floor-event-id"  # stands for the id in a prepared body


@dataclass(frozen=True)
class Plan:
    """What each client does. `workspaces` are taken in turns, in another order by each client."""

    port: int
    key: str
    run: str  # part of every event id
    workspaces: tuple[str, ...]
    batch: int = 0  # 0: single posts


def post(plan: Plan, number: int, pipe: Any) -> None:
    """Single posts, or batches."""
    connection = Connection(plan.port)
    names = _names(plan, number)
    path, expected = ("/api/v1/usage/batch", b"200") if plan.batch else ("/api/v1/usage", b"201")
    template = _bytes({"events": batch(EVENT_ID, plan.batch)} if plan.batch else event(EVENT_ID))

    def step() -> tuple[int, str]:
        connection.renew_at_times()
        workspace, name = next(names)
        body = template.replace(EVENT_ID.encode(), name.encode())
        status, _ = connection.exchange(_request(plan, path, workspace, body))
        return plan.batch or 1, _failure(status, expected)

    loop(pipe, step, first=connection.renew)


def pair(plan: Plan, number: int, pipe: Any) -> None:
    """A hold for a request whose answer is not known yet, and its settlement with what it then used."""
    connection = Connection(plan.port)
    names = _names(plan, number)
    asked = _bytes(ASKED)
    used = [_bytes({"usage": {"input_tokens": 1200, "output_tokens": tokens}, "end_user": "u_123"}) for tokens in USED]
    count = 0

    def step() -> tuple[int, str]:
        nonlocal count
        count += 1
        connection.renew_at_times()
        workspace, _ = next(names)
        status, answer = connection.exchange(_request(plan, "/api/v1/usage/authorize", workspace, asked))
        if status != b"201":
            return 0, "authorize: " + _failure(status, b"201")
        hold = answer.split(HOLD, 1)[1].split(b'"', 1)[0].decode()
        path = f"/api/v1/usage/holds/{hold}/settle"
        status, _ = connection.exchange(_request(plan, path, workspace, used[count % len(used)]))
        return 1, "settle: " + _failure(status, b"201") if status != b"201" else ""

    loop(pipe, step, first=connection.renew)


def export(plan: Plan, number: int, pipe: Any) -> None:
    """Reads the whole proof of a balance again and again, as fast as it comes. `done` counts whole ones, units lines.

    Between two stretches it reads nothing, and goes on in the same export after that.
    """
    blocks = _exports(plan)
    for begin, end in stretches(pipe):
        done, units = 0, 0
        failures: dict[str, int] = {}
        while (now := monotonic()) < end:
            lines, whole, failure = next(blocks)
            if failure:
                failures[failure] = failures.get(failure, 0) + 1
            done += whole
            units += lines if now >= begin else 0
        pipe.send((done, units, end - begin, [], failures))


def _exports(plan: Plan) -> Iterator[tuple[int, bool, str]]:
    """Block by block: its lines, whether it completes an export, what went wrong."""
    headers = {"Authorization": f"Bearer {plan.key}", "Purser-Workspace": plan.workspaces[0]}
    while True:
        connection = HTTPConnection("127.0.0.1", plan.port, timeout=60)
        connection.request("GET", "/api/v1/credits/proof", headers=headers)
        answer = connection.getresponse()
        last = b""
        while block := answer.read1(BLOCK):
            yield block.count(b"\n"), False, ""
            last = (last + block)[-200:]
        whole = answer.status == 200 and last.rstrip().rpartition(b"\n")[2].startswith(b'{"sha256":')
        yield 0, whole, "" if whole else f"export: HTTP {answer.status}, not whole"
        connection.close()


def event(event_id: str) -> dict[str, Any]:
    """A request as a chat backend reports it."""
    return {"event_id": event_id, "usage": {"input_tokens": 1200, "output_tokens": 300}, **WHO, "end_user": "u_123"}


def batch(event_id: str, size: int) -> list[dict[str, Any]]:
    """Such requests one after the other, each with its own number of tokens and its own user."""
    return [
        {
            **event(f"{event_id}-{place}"),
            "usage": {"input_tokens": 200 + place * 37 % 4001, "output_tokens": 20 + place * 13 % 701},
            "end_user": f"u_{place % 211}",
        }
        for place in range(size)
    ]


WHO = {"model": "openai/gpt-4o-mini", "agent": "support-bot", "app": "web", "task": "chat"}
HOLD = b'"hold":"'  # stands before its id in the answer
USED = [100 + number * 37 % 400 for number in range(400)]  # output tokens: answers differ in length
ASKED = {**WHO, "usage": {"input_tokens": 1200}, "max_output_tokens": 1000}  # the same request before it is made


def _names(plan: Plan, number: int) -> Iterator[tuple[str, str]]:
    """Workspaces in turns, and a name for each request."""
    own = own_order(plan.workspaces, number)
    for count in itertools.count(1):
        yield own[count % len(own)], f"{plan.run}-{number}-{count}"


def _bytes(content: Any) -> bytes:
    return json.dumps(content).encode()


def _request(plan: Plan, path: str, workspace: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nAuthorization: Bearer {plan.key}\r\n"
        f"Purser-Workspace: {workspace}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _failure(status: bytes, expected: bytes) -> str:
    return "" if status == expected else f"HTTP {status.decode()}"


class Connection:
    """A kept-alive HTTP connection that reads just enough of an answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._connect()
        self._used = 0

    def _connect(self) -> socket.socket:
        connected = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def renew(self) -> None:
        """The server closes what was idle for long."""
        self._socket.close()
        self._socket = self._connect()
        self._used = 0

    def renew_at_times(self) -> None:
        """The kernel gives a connection to one of the web processes for good. How a few of them are divided would
        decide how fast a whole stretch is: six to one process, two to another.
        """
        if self._used >= RENEW_AFTER:
            self.renew()

    def exchange(self, request: bytes) -> tuple[bytes, bytes]:
        """Send a request, read the whole answer; its status and body."""
        self._used += 1
        self._socket.sendall(request)
        data = b""
        while (split := data.find(b"\r\n\r\n")) < 0:
            data += self._receive()
        head = data[:split].lower()
        at = head.find(b"content-length: ")
        length = int(head[at + 16 :].split(b"\r\n", 1)[0])
        body = data[split + 4 :]
        while len(body) < length:
            body += self._receive()
        return data[9:12], body

    def _receive(self) -> bytes:
        data = self._socket.recv(BLOCK)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data
