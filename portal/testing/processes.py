"""A real `python -m portal.run` in a home of its own, for tests that need the whole portal running."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from portal.embedded import places
from portal.home import BASE_DIR
from portal.testing.environment import STRIPE, USDC

READY = "Ctrl-C stops everything."
# What the shell or the test run has set must not reach the portal under test.
FOREIGN = (
    "DATABASE_URL",
    "REDIS_URL",
    "CELERY_BROKER_URL",
    "PURSER_DEMO",
    "HOST",
    "SITE_URL",
    "DEBUG",
    "PORT",
    *STRIPE,
    *USDC,
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def run_environment(home: Path, port: int, **extra: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    own = {"PURSER_HOME": str(home), "PORT": str(port), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    return clean | own | {"PURSER_DEMO_DAYS": "20", "WEB_WORKERS": "1"} | extra


def run_to_end(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """For starts that are refused."""
    return subprocess.run(
        [sys.executable, "-m", "portal.run"],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def one_line(text: str) -> str:
    lines = text.splitlines()
    assert len(lines) == 1, text
    return lines[0]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


def _answer(status: int, response: Any) -> Answer:
    return Answer(status, {name.lower(): value for name, value in response.headers.items()}, response.read().decode())


class RunningPortal:
    def __init__(self, home: Path, *, port: int | None = None, **extra: str) -> None:
        self.home = home
        self.port = port or free_port()
        self.log = home / f"run-{time.monotonic_ns()}.log"
        started = time.monotonic()
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portal.run"],
                cwd=BASE_DIR,
                env=run_environment(home, self.port, **extra),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_for(READY, seconds=180)
        self.seconds = time.monotonic() - started

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def output(self) -> str:
        return self.log.read_text()

    @property
    def demo(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.home / "demo.json").read_text())
        return told

    def wait_for(self, text: str, *, seconds: float) -> None:
        until = time.monotonic() + seconds
        while text not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < until, self.output
            time.sleep(0.05)

    def fetch(self, path: str, *, body: object = None, **headers: str) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            names["Content-Type"] = "application/json"
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, names)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return _answer(response.status, response)
        except urllib.error.HTTPError as error:
            return _answer(error.code, error)

    def family(self) -> list[psutil.Process]:
        """The supervisor, all it started, and the embedded server of this home."""
        tree = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        return tree + self.database_processes()

    def database_processes(self) -> list[psutil.Process]:
        try:
            postmaster = psutil.Process(int((places(self.home).data / "postmaster.pid").read_text().splitlines()[0]))
            return [postmaster, *postmaster.children(recursive=True)]
        except (OSError, psutil.Error):
            return []

    def part(self, name: str) -> psutil.Process:
        """The main process of web, worker, beat, voices, payments or usdc."""
        words = {
            "web": "granian",
            "worker": "worker",
            "beat": "beat",
            "voices": "voice",
            "payments": "portal.standin",
            "usdc": "portal.standin_usdc",
        }
        lines = {child: child.cmdline() for child in psutil.Process(self.process.pid).children()}
        return next(
            child
            for child, line in lines.items()
            if words[name] in line and (name != "worker" or words["voices"] not in line)
        )

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)


def alive(processes: list[psutil.Process], *, within: float = 10) -> list[psutil.Process]:
    """Those that still run after a moment; dead ones that nobody collected do not count."""
    until = time.monotonic() + within
    while (left := [process for process in processes if _runs(process)]) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
