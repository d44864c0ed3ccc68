"""A portal over HTTP for clients: those of docs/integrations, and one that knows the served document only."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from billing.packs.x402.rails import SIMULATED_KEY
from portal.home import BASE_DIR
from portal.standin_usdc.paths import NODE
from portal.testing.patient import WebServer
from portal.testing.processes import run_environment
from portal.testing.ready import prepared
from portal.testing.simulated import KEY, SimulatedStripe
from portal.testing.simulated_usdc import SimulatedUsdc

INTEGRATIONS = BASE_DIR / "docs" / "integrations"
sys.path.insert(0, str(INTEGRATIONS / "python"))

from purser import Purser  # noqa: E402


@dataclass(frozen=True)
class Customer:
    """A workspace of the running portal with a key that has every scope."""

    url: str
    key: str
    workspace: str
    home: Path = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """For programs that are run as a person would run them."""
        return run_environment(self.home, 0, PURSER_URL=self.url, PURSER_KEY=self.key, PURSER_WORKSPACE=self.workspace)

    @property
    def purser(self) -> Purser:
        return Purser(self.url, self.key)


Make = Callable[[int], Customer]


def manage(environment: dict[str, str], *words: str) -> str:
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="package")
def server() -> Iterator[WebServer]:
    with prepared() as made:
        payments, usdc = SimulatedStripe(), SimulatedUsdc()
        crypto = {
            "X402_PAY_TO": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
            "X402_NETWORKS": f"{SIMULATED_KEY}={usdc.url}{NODE}",
            "X402_FACILITATOR_URL": usdc.url,
        }
        server = WebServer(made.home, made.url, STRIPE_SECRET_KEY=KEY, STRIPE_API_HOST=payments.url, **crypto)
        server.wait()  # a client that comes too early pauses for longer than it has to
        yield server
        server.kill()
        payments.stop()
        usdc.stop()
        manage(server.environment, "verify_ledger")  # of all customers; fails when anything does not add up


@pytest.fixture(scope="package")
def service_key(server: WebServer) -> str:
    told: dict[str, Any] = json.loads(manage(server.environment, "service_key_create", "--name", "gateway", "--json"))
    return str(told["api_key"])


@pytest.fixture(scope="package")
def operator(server: WebServer, service_key: str) -> Purser:
    return Purser(f"http://127.0.0.1:{server.port}", service_key)


@pytest.fixture(scope="package")
def customer(server: WebServer, operator: Purser) -> Make:
    """`customer(credits)`: a new workspace that has so many and may record its own usage."""

    def make(credits: int) -> Customer:
        body = {"name": "Orbit", "owner_email": "orbit@example.com", "usage_write_allowed": True}
        made, _ = operator.call("POST", "/workspaces", body, key=uuid4().hex)
        if credits:
            grant = {"credits": credits, "reason": "to start with"}
            operator.call("POST", f"/workspaces/{made['id']}/grants", grant, key=uuid4().hex)
        home = Path(server.environment["PURSER_HOME"])
        return Customer(f"http://127.0.0.1:{server.port}", made["api_key"]["key"], made["id"], home)

    return make


Arrange = Callable[[Customer, str], None]


@pytest.fixture(scope="package")
def arrange(server: WebServer) -> Arrange:
    """`arrange(customer, code)`: staff do this with its `workspace`."""

    def run(customer: Customer, code: str) -> None:
        found = f"workspace = Workspace.objects.get(public_id={customer.workspace!r})"
        whole = f"from accounts.models import Workspace\n{found}\n{code}"
        manage(server.environment, "shell", "--no-imports", "-c", whole)

    return run


ONE_AT_A_TIME = """
from billing.plans.models import WorkspaceLimits
WorkspaceLimits.objects.create(workspace=workspace, concurrency=1)
"""


@pytest.fixture
def invoice(server: WebServer, orbit: Customer) -> str:
    """The id of the customer's paid invoice."""
    code = f"""
from accounts.models import Workspace
from billing.credits import clock
from billing.invoices.issue import invoice_issue
from billing.invoices.money import LineInput
from billing.invoices.writing import Payment
workspace = Workspace.objects.get(public_id={orbit.workspace!r})
paid = Payment(clock.now(), "card")
lines = [LineInput("Pack", 100)]
issued = invoice_issue(key=workspace.public_id, workspace=workspace, purpose="pack", lines=lines, paid=paid)
print(issued.document.public_id)
"""
    return manage(server.environment, "shell", "--no-imports", "-c", code).split()[-1]
