"""The stand-in as a process of its own: what it keeps, and when it ends."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import stripe

from portal.home import BASE_DIR
from portal.standin.client import StandInClient
from portal.standin.places import NOWHERE, choose_port, port_of
from portal.testing.processes import alive, free_port
from portal.testing.simulated import KEY, wait_until


class Process:
    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = directory / "token"
        self.token.write_text("secret\n")
        self.state = directory / "state.sqlite3"
        self.start()

    def command(self) -> list[str]:
        where = ["--state", str(self.state), "--pages", "http://x/p", "--token-file", str(self.token)]
        return [sys.executable, "-m", "portal.standin", "--port", str(self.port), *where]

    def start(self) -> None:
        self.process = subprocess.Popen(self.command(), cwd=BASE_DIR, stdin=subprocess.DEVNULL)
        wait_until(self.healthy)

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_control/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    process = Process(tmp_path)
    monkeypatch.setattr(stripe, "api_base", process.url)
    monkeypatch.setattr(stripe, "api_key", KEY)
    yield process
    if process.process.poll() is None:
        process.end(signal.SIGKILL)


def test_everything_survives_a_kill_and_is_done_once(running: Process) -> None:
    stripe.WebhookEndpoint.create(url="http://127.0.0.1:9/nobody", enabled_events=["*"])
    paid = stripe.PaymentIntent.create(
        amount=500, currency="usd", payment_method="pm_card_visa", confirm=True, idempotency_key="one"
    )
    client = StandInClient(running.url, "secret")
    client.post("_control/clock", days=40)
    waiting = len(client.get("_control/deliveries")["waiting"])
    running.end(signal.SIGKILL)
    running.start()
    again = stripe.PaymentIntent.create(
        amount=500, currency="usd", payment_method="pm_card_visa", confirm=True, idempotency_key="one"
    )
    assert again.id == paid.id
    assert client.get("_control/books")["totals"]["usd"]["charge"] == 500
    assert client.get("_control/clock")["ahead"] == 40 * 86400
    assert len(client.get("_control/deliveries")["waiting"]) == waiting == 3
    assert running.end(signal.SIGTERM) == 0
    assert running.state.stat().st_mode & 0o077 == 0


def test_what_is_old_is_forgotten_at_the_next_start(running: Process) -> None:
    stripe.Product.create(name="Old", idempotency_key="kept for a day")
    StandInClient(running.url, "secret").post("_control/clock", days=31)
    new = stripe.Product.create(name="New")
    running.end(signal.SIGTERM)
    running.start()
    assert [event.data.object["id"] for event in stripe.Event.list().data] == [new.id]
    assert len(stripe.Product.list().data) == 2
    again = stripe.Product.create(name="Old", idempotency_key="kept for a day")
    assert again.last_response.headers["Idempotent-Replayed"] == "true"


def test_a_taken_port_is_one_line(running: Process) -> None:
    other = subprocess.run(running.command(), cwd=BASE_DIR, capture_output=True, text=True, timeout=30, check=False)
    assert other.returncode == 1
    assert f"port {running.port}" in other.stderr
    assert "Traceback" not in other.stderr


def test_it_ends_when_the_one_who_started_it_is_gone(running: Process) -> None:
    running.end(signal.SIGTERM)
    script = f"import subprocess, time\nprint(subprocess.Popen({running.command()!r}).pid, flush=True)\ntime.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    wait_until(running.healthy)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert alive([child], within=10) == []


def test_its_port_stays_the_same_unless_somebody_took_it(tmp_path: Path) -> None:
    assert port_of(tmp_path) == NOWHERE
    port = choose_port(tmp_path)
    assert choose_port(tmp_path) == port == port_of(tmp_path)
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert choose_port(tmp_path) != port
