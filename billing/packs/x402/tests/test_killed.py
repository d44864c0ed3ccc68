"""SIGKILL to the web server between settlement and credit: in the end credited exactly once."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from django.core.management import call_command

from accounts.models import ApiKey, Workspace
from billing.alerts.webhooks.models import WebhookEvent
from billing.credits.units import NANO
from billing.foundation.due.registry import run_due
from billing.invoices.models import Document
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.tests.conftest import HEADERS, PATH, PAY_TO, Agent, credited
from billing.packs.x402.tests.network import Network
from billing.packs.x402.tests.served import served
from portal.testing.patient import PATIENCE, WebServer
from portal.testing.processes import free_port

pytestmark = pytest.mark.django_db(transaction=True)
FIVE = 1_000 * NANO


@dataclass
class Shop:
    """The served portal, and what one client gets from it."""

    server: WebServer
    network: Network
    key: str

    def post(self, version: int, payment: str, **headers: str) -> requests.Response:
        return requests.post(
            f"http://127.0.0.1:{self.server.port}{PATH}",
            json={"amount_usd": 5},
            headers={"Authorization": f"Bearer {self.key}", HEADERS[version]: payment, **headers},
            timeout=60,
        )

    def kill_when_settled(self, version: int, payment: str, **headers: str) -> None:
        """Present a payment, and kill the server when the money has moved and the server does not know it yet."""
        ends: list[str] = []

        def present() -> None:
            try:
                ends.append(f"answered {self.post(version, payment, **headers).status_code}")
            except requests.ConnectionError:
                ends.append("cut off")

        self.network.fault = "settle_held"
        client = threading.Thread(target=present)
        client.start()
        until = time.monotonic() + PATIENCE
        while not self.network.settled:
            assert time.monotonic() < until
            time.sleep(0.01)
        self.server.kill()
        client.join(PATIENCE)
        assert ends == ["cut off"]

    def start_again(self) -> None:
        self.server.start()
        self.server.wait()


@pytest.fixture(scope="module")
def network_port() -> int:
    """The same for all tests here, so that one server finds the network of each."""
    return free_port()


@pytest.fixture(scope="module")
def server(django_db_setup: None, network_port: int) -> Iterator[WebServer]:
    with served(f"http://127.0.0.1:{network_port}") as server:
        yield server


@pytest.fixture
def shop(server: WebServer, network: Network, workspace_key: Callable[..., tuple[ApiKey, str]]) -> Shop:
    shop = Shop(server, network, workspace_key()[1])
    if server.process.poll() is not None:  # the test before has left it dead
        shop.start_again()
    return shop


def the_lease_is_over() -> None:
    CryptoPayment.objects.filter(state="settling").update(leased_until="2026-01-01T00:00Z")


def assert_not_yet(workspace: Workspace, network: Network) -> None:
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (0, 5_000_000)
    assert CryptoPayment.objects.get().state == "settling"
    assert not Document.objects.exists()


def assert_once(workspace: Workspace, network: Network) -> None:
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (FIVE, 5_000_000)
    assert CryptoPayment.objects.get().state == "credited"
    assert Document.objects.get().total == 500
    assert WebhookEvent.objects.filter(type="topup.succeeded").count() == 1
    assert network.asked.count("/settle") == 1
    call_command("verify_ledger")


def test_the_same_payment_again(shop: Shop, agent: Agent, workspace: Workspace, network: Network) -> None:
    value, _ = agent.sign(1)
    shop.kill_when_settled(1, value)
    assert_not_yet(workspace, network)
    shop.start_again()
    assert shop.post(1, value).status_code == 202  # somebody may still be at work on it
    assert_not_yet(workspace, network)
    the_lease_is_over()
    assert shop.post(1, value).json()["state"] == "credited"
    assert_once(workspace, network)
    assert shop.post(1, value).status_code == 409
    assert_once(workspace, network)


def test_another_signature_under_the_same_key(shop: Shop, agent: Agent, workspace: Workspace, network: Network) -> None:
    """What a client sends whose program has lost the answer: nothing of it is taken."""
    name = {"Idempotency-Key": "order-7"}
    shop.kill_when_settled(2, agent.sign(2)[0], **name)
    assert_not_yet(workspace, network)
    shop.start_again()
    assert shop.post(2, agent.sign(2)[0], **name).status_code == 202
    the_lease_is_over()
    for _ in range(2):
        again = shop.post(2, agent.sign(2)[0], **name)
        assert (again.status_code, again.headers["Idempotent-Replay"]) == (200, "true")
        assert_once(workspace, network)


def test_nobody_comes_back(shop: Shop, agent: Agent, workspace: Workspace, network: Network) -> None:
    def sweep() -> Any:
        (run,) = run_due(only="crypto_payments")
        return run.error

    shop.kill_when_settled(2, agent.sign(2)[0])
    assert sweep() == ""
    assert_not_yet(workspace, network)
    for _ in range(2):
        the_lease_is_over()
        assert sweep() == ""
        assert_once(workspace, network)
