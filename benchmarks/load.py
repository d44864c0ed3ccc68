"""Clients: one process each with one connection, a plain socket and prepared bytes. Imports no Django."""

import json
import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

spawn = multiprocessing.get_context("spawn")


@dataclass
class Measured:
    """What all clients of one figure did together."""

    done: int = 0
    units: int = 0  # events: one per post, many per batch
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.units / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds below which `share` of the requests were answered."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0


@dataclass(frozen=True)
class Plan:
    """What each client does. `workspaces` are taken in turns; each client starts at another one."""

    port: int
    path: str
    key: str
    workspaces: tuple[str, ...]
    batch: int  # 0: single posts
    run: str  # part of every event id


def measure(work: Callable[..., None], plan: Any, *, clients: int, warm_up: float, seconds: float) -> Measured:
    """Run `work(plan, number, pipe)` in `clients` processes over the same stretch of time."""
    pipes, processes = [], []
    for number in range(clients):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=work, args=(plan, number, theirs))
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    for pipe in pipes:  # each says that it is connected
        pipe.recv()
    begin = time.monotonic() + warm_up
    for pipe in pipes:
        pipe.send((begin, begin + seconds))
    total = Measured(seconds=seconds)
    for pipe, process in zip(pipes, processes, strict=True):
        done, units, latencies, failures = pipe.recv()
        total.done += done
        total.units += units
        total.latencies += latencies
        for name, count in failures.items():
            total.failures[name] = total.failures.get(name, 0) + count
        process.join()
    return total


def loop(pipe: Any, step: Callable[[], tuple[int, str]]) -> None:
    """Call `step` until the end; count what began and finished in time. A step says its units and what went wrong."""
    pipe.send("ready")
    begin, end = pipe.recv()
    done, units = 0, 0
    latencies: list[float] = []
    failures: dict[str, int] = {}
    clock = time.monotonic
    started = clock()
    while started < end:
        count, failure = step()
        now = clock()
        if failure:
            failures[failure] = failures.get(failure, 0) + 1
        elif begin <= started and now <= end:
            done += 1
            units += count
            latencies.append(now - started)
        started = now
    pipe.send((done, units, latencies, failures))


def client(plan: Plan, number: int, pipe: Any) -> None:
    """One client over HTTP."""
    connection = Connection(plan.port)
    requests = _requests(plan, number)
    expected = b"200" if plan.batch else b"201"

    def step() -> tuple[int, str]:
        status = connection.exchange(next(requests))
        return plan.batch or 1, "" if status == expected else f"HTTP {status.decode()}"

    loop(pipe, step)


def _requests(plan: Plan, number: int) -> Iterator[bytes]:
    heads = [
        (
            f"POST {plan.path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nAuthorization: Bearer {plan.key}\r\n"
            f"Purser-Workspace: {workspace}\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()
        for workspace in plan.workspaces
    ]
    count = number * max(1, len(heads) // 8)
    while True:
        count += 1
        name = f"{plan.run}-{number}-{count}"
        if plan.batch:
            text = json.dumps({"events": [event(f"{name}-{place}") for place in range(plan.batch)]})
        else:
            text = json.dumps(event(name))
        body = text.encode()
        yield heads[count % len(heads)] + str(len(body)).encode() + b"\r\n\r\n" + body


def event(event_id: str) -> dict[str, Any]:
    """A request as a chat backend reports it."""
    return {
        "event_id": event_id,
        "model": "openai/gpt-4o-mini",
        "usage": {"input_tokens": 1200, "output_tokens": 300},
        "agent": "support-bot",
        "app": "web",
        "task": "chat",
        "end_user": "u_123",
    }


class Connection:
    """A kept-alive HTTP connection that reads just enough of an answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._connect()

    def _connect(self) -> socket.socket:
        connected = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def exchange(self, request: bytes) -> bytes:
        """Send a request, read the whole answer, return its status."""
        self._socket.sendall(request)
        data = b""
        while (split := data.find(b"\r\n\r\n")) < 0:
            data += self._receive()
        head = data[:split].lower()
        at = head.find(b"content-length: ")
        length = int(head[at + 16 :].split(b"\r\n", 1)[0])
        missing = split + 4 + length - len(data)
        while missing > 0:
            missing -= len(self._receive())
        return data[9:12]

    def _receive(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data
