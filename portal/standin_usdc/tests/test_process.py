"""The stand-in as a process of its own: what it keeps, and where it listens."""

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from eth_account import Account

from portal.home import BASE_DIR
from portal.run.config import read_config
from portal.standin.places import NOWHERE, USDC, choose_port, port_of
from portal.standin_usdc.tests.payments import authorization, exchange, signature
from portal.testing.processes import free_port
from portal.testing.simulated import wait_until


class Process:
    def __init__(self, directory: Path) -> None:
        self.port, self.state = free_port(), directory / "state.sqlite3"
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def command(self) -> list[str]:
        where = ["--port", str(self.port), "--state", str(self.state)]
        return [sys.executable, "-m", "portal.standin_usdc", *where]

    def start(self) -> None:
        self.process = subprocess.Popen(self.command(), cwd=BASE_DIR, stdin=subprocess.DEVNULL)
        wait_until(self.healthy)

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    yield process
    if process.process.poll() is None:
        process.end(signal.SIGKILL)


def test_what_was_spent_stays_spent_after_a_kill(running: Process) -> None:
    account = Account.create()
    message = authorization(account)
    asked = exchange(2, message, signature(account, message))
    settled = httpx.post(running.url + "/settle", json=asked, trust_env=False).json()
    assert settled["success"]
    running.end(signal.SIGKILL)
    running.start()
    again = httpx.post(running.url + "/settle", json=asked, trust_env=False).json()
    assert (again["success"], again["errorReason"]) == (False, "invalid_exact_evm_nonce_already_used")
    moved = httpx.get(f"{running.url}/transfers/{settled['transaction']}", trust_env=False).json()
    assert (moved["payer"], moved["units"]) == (account.address.lower(), 5_000_000)
    assert running.state.stat().st_mode & 0o077 == 0
    assert running.end(signal.SIGTERM) == 0


def test_a_taken_port_is_one_line(running: Process) -> None:
    other = subprocess.run(running.command(), cwd=BASE_DIR, capture_output=True, text=True, timeout=30, check=False)
    assert other.returncode == 1
    assert f"port {running.port}" in other.stderr
    assert "Traceback" not in other.stderr


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, True),
        ({"X402_PAY_TO": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}, False),
        ({"PURSER_DEMO": "0"}, False),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}, False),
    ],
)
def test_it_is_for_the_demo_whose_operator_takes_no_other(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], wanted: bool
) -> None:
    with monkeypatch.context() as patch:
        for name in ("DATABASE_URL", "PURSER_DEMO", "X402_PAY_TO"):
            patch.delenv(name, raising=False)
        for name, value in variables.items():
            patch.setenv(name, value)
        assert read_config().simulated_usdc is wanted


def test_both_stand_ins_have_a_port_of_their_own(tmp_path: Path) -> None:
    assert port_of(tmp_path, USDC) == NOWHERE
    port = choose_port(tmp_path, USDC)
    assert choose_port(tmp_path, USDC) == port == port_of(tmp_path, USDC)
    assert port_of(tmp_path) == NOWHERE
