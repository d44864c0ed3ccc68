"""A real web server that is killed again and again, and clients that send each request until it is answered."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from portal.home import BASE_DIR
from portal.run.config import Config
from portal.run.parts import parts
from portal.testing.processes import free_port, run_environment

PATIENCE = 60.0  # seconds until a request must have been answered


class WebServer:
    """The web part of `make run`, alone: the supervisor would pause for longer after each death."""

    def __init__(self, home: Path, database: str, *, workers: int = 2, **own: str) -> None:
        """`own`: variables of the server alone, and not of the commands that are run beside it."""
        self.port = free_port()
        self.kills = 0
        self.environment = run_environment(home, self.port, DATABASE_URL=database)
        self._own = self.environment | own
        site = f"http://localhost:{self.port}"
        config = Config(home, "127.0.0.1", self.port, database, "", "", False, site, workers=workers, threads=4)
        (self._command,) = [part.command for part in parts(config) if part.name == "web"]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, cwd=BASE_DIR, env=self._own, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def wait(self) -> None:
        """Until it takes connections."""
        until = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, "it ended by itself"
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5):
                    return
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL to all its processes."""
        # Nothing of Python runs between the two lines: who saw the old count sent its request to a living server.
        os.killpg(self.process.pid, signal.SIGKILL)
        self.kills += 1
        self.process.wait()


@dataclass(frozen=True)
class Call:
    path: str
    body: dict[str, Any]
    key: str = ""  # Idempotency-Key


@dataclass(frozen=True)
class Reply:
    """What a call was answered with in the end, and how many servers died over it before."""

    call: Call
    status: int
    text: str
    replay: bool
    died: int

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Clients:
    """Several connections to one server."""

    server: WebServer
    headers: dict[str, str]
    replies: list[Reply] = field(default_factory=list)
    _here: threading.local = field(default_factory=threading.local)

    def send(self, call: Call) -> Reply:
        """Send `call` until it is answered."""
        until, died = time.monotonic() + PATIENCE, 0
        while time.monotonic() < until:
            kills = self.server.kills
            try:
                status, headers, text = self._once(call)
            except (OSError, http.client.HTTPException):
                self._here.way = None
                died += self.server.kills > kills  # else it was down already, and the request never reached it
                time.sleep(0.02)
                continue
            reply = Reply(call, status, text, headers.get("Idempotent-Replay") == "true", died)
            self.replies.append(reply)
            return reply
        raise AssertionError(f"{call} was not answered within {PATIENCE:.0f} s")

    def send_all(self, calls: Iterable[Call], *, at_once: int) -> None:
        self.work([lambda call=call: self.send(call) for call in calls], at_once=at_once)  # type: ignore[misc]

    def work(self, jobs: Sequence[Callable[[], object]], *, at_once: int) -> None:
        """Do all jobs; raises what the first failed one raised."""
        with ThreadPoolExecutor(at_once) as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()

    def _once(self, call: Call) -> tuple[int, Any, str]:
        way = getattr(self._here, "way", None)
        if way is None:
            way = self._here.way = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        key = {"Idempotency-Key": call.key} if call.key else {}
        way.request("POST", call.path, json.dumps(call.body), {"Content-Type": "application/json"} | self.headers | key)
        response = way.getresponse()
        return response.status, response.headers, response.read().decode()


def kill_meanwhile(clients: Clients, *, moments: Sequence[int], rng: Random) -> threading.Thread:
    """Kill the server, and start it again, each time so many replies came as `moments` say and, a few milliseconds
    later, in the middle of whatever it does then.
    """

    def run() -> None:
        for moment in moments:
            while len(clients.replies) < moment:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.015))
            clients.server.kill()
            clients.server.start()

    thread = threading.Thread(target=run)
    thread.start()
    return thread
