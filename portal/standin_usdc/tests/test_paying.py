"""The portal is paid at the stand-in: by the x402 package's own client, and by the command for trying it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from eth_account import Account
from x402.http.utils import decode_payment_response_header

from accounts.models import ApiKey, Workspace
from billing.api.schemas.topup import TopUpDocument
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.rails import SIMULATED_PAY_TO
from billing.packs.x402.tests.conftest import Agent, credited
from portal.standin.places import USDC
from portal.standin_usdc import pay as paying
from portal.standin_usdc.chain import FIRST_UNITS
from portal.testing.simulated_usdc import SimulatedUsdc

pytestmark = pytest.mark.django_db(transaction=True)
FIVE = 1_000 * 10**9  # nano-credits for $5, at half a cent each
MakeKey = Callable[..., tuple[ApiKey, str]]


@pytest.mark.parametrize("version", [1, 2])
def test_the_packages_client(
    simulated_usdc: SimulatedUsdc, workspace: Workspace, workspace_key: MakeKey, client: Client, version: int
) -> None:
    account = Account.create()
    agent = Agent(workspace_key()[1], account)
    value, _ = agent.sign(version)
    paid = agent.present(version, value)
    told = paid.json()
    assert (paid.status_code, told["state"]) == (200, "credited"), told
    assert TopUpDocument.model_validate(told).invoice
    assert credited(workspace) == FIVE
    receipt = decode_payment_response_header(paid.headers["X-PAYMENT-RESPONSE" if version == 1 else "PAYMENT-RESPONSE"])
    assert receipt.transaction == told["transaction"]
    assert simulated_usdc.chain.balance(account.address) == FIRST_UNITS - 5_000_000
    assert agent.present(version, value).json()["code"] == "payment_used"
    payment = CryptoPayment.objects.get()
    assert payment.transaction_url == f"/simulated-usdc/transactions/{told['transaction']}"
    shown = client.get(payment.transaction_url).content.decode()
    for part in ("Test money", "5.00 test USDC moved", account.address, SIMULATED_PAY_TO, told["transaction"]):
        assert part in shown, part


def test_more_than_everybody_has(
    simulated_usdc: SimulatedUsdc, workspace: Workspace, workspace_key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = Agent(workspace_key()[1], Account.create())
    agent.client.set_spend_controls({"max_amount_per_payment": "$50000"})
    with monkeypatch.context() as patch:
        patch.setattr(settings, "X402_MOST_USD", 20_000)
        value, _ = agent.sign(2, {"amount_usd": 10_001})
        answer = agent.present(2, value, {"amount_usd": 10_001})
    assert (answer.status_code, answer.json()["error"]) == (402, "invalid_exact_evm_insufficient_balance")
    assert credited(workspace) == 0


def test_pages_of_transactions_that_are_none(simulated_usdc: SimulatedUsdc, client: Client) -> None:
    assert client.get("/simulated-usdc/transactions/0x00").status_code == 404
    simulated_usdc.stop()
    silent = client.get("/simulated-usdc/transactions/0x00")
    assert silent.status_code == 503
    assert b"The stand-in does not answer" in silent.content


def test_a_transaction_of_the_stand_in_has_no_page_without_it(
    simulated_usdc: SimulatedUsdc, workspace_key: MakeKey, settings: Any
) -> None:
    agent = Agent(workspace_key()[1], Account.create())
    value, _ = agent.sign(2)
    assert agent.present(2, value).status_code == 200
    settings.X402_SIMULATED, settings.X402_PAY_TO = False, "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"
    payment = CryptoPayment.objects.get()
    assert (payment.simulated, payment.transaction_url) == (True, "")


@pytest.fixture
def run(live_server: Any, workspace_key: MakeKey, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """The command, as a person calls it: its exit status, and what it says."""

    def run(*arguments: str) -> tuple[int, str]:
        status = paying.main(["--url", live_server.url, "--key", workspace_key()[1], *arguments])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_command(
    simulated_usdc: SimulatedUsdc, workspace: Workspace, run: Callable[..., tuple[int, str]], version: str
) -> None:
    status, said = run("--version", version, "5")
    assert status == 0, said
    assert said.startswith("200 ")
    assert re.search(r"/simulated-usdc/transactions/0x[0-9a-f]{64}$", said, re.M)
    assert credited(workspace) == FIVE
    assert CryptoPayment.objects.get().version == int(version)


def test_the_command_sends_it_past_the_portal(
    simulated_usdc: SimulatedUsdc,
    workspace: Workspace,
    run: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def port(_home: object, which: str) -> int:
        assert which == USDC
        return simulated_usdc.server.server_port

    monkeypatch.setattr(paying, "port_of", port)
    status, said = run("--sent-before", "7")
    assert status == 0
    assert "409" in said
    assert credited(workspace) == 0
    assert CryptoPayment.objects.get().state == CryptoPayment.State.REVIEW


def test_the_command_pays_no_real_money(
    simulated_usdc: SimulatedUsdc, run: Callable[..., tuple[int, str]], settings: Any
) -> None:
    settings.X402_PAY_TO = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"
    status, said = run("5")
    assert status == 1
    assert "takes real USDC" in said
    assert not CryptoPayment.objects.exists()


def test_the_command_says_what_is_wrong(
    run: Callable[..., tuple[int, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run("5")
    assert (status, "404 Top-ups in USDC are not set up here." in said) == (1, True)
    status, said = run("--url", "http://127.0.0.1:9")
    assert (status, "does not answer" in said) == (1, True)
    with pytest.raises(SystemExit):
        paying.main(["--key", "", "5"])
    assert "scope billing:write" in capsys.readouterr().err
