"""Payments in USDC on the pages about credits: the command for an agent, the latest ones, and those on their way."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import ApiKey, Membership, User, Workspace
from accounts.tests.quartet import page
from billing.credits.units import NANO
from billing.ledger.selectors import pending
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.tests.conftest import Agent
from billing.packs.x402.tests.network import Network
from billing.packs.x402.tests.rows import in_review
from portal.standin_usdc import pay as paying
from portal.testing.simulated_usdc import SimulatedUsdc

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = pytest.mark.parametrize("path", ["credits", "credits/buy", "credits/purchases"])
TRY = "portal.standin_usdc.pay --url"


def words(client: Client, workspace: Workspace, path: str) -> str:
    response = client.get(page(workspace, path))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@PAGES
def test_nothing_of_it_where_it_is_off(workspace: Workspace, alice_client: Client, path: str) -> None:
    assert "USDC" not in words(alice_client, workspace, path)


@PAGES
def test_the_command_and_what_was_paid(agent: Agent, workspace: Workspace, alice_client: Client, path: str) -> None:
    assert "Nothing paid in USDC yet" in words(alice_client, workspace, path)
    value, _ = agent.sign(2)
    transaction = agent.present(2, value).json()["transaction"]
    text = words(alice_client, workspace, path)
    assert "Nothing paid in USDC yet" not in text
    for part in ("register_exact_evm_client", "/api/v1/credits/topup", "Base Sepolia (a test network", "Credited"):
        assert part in text, part
    assert f'href="https://sepolia.basescan.org/tx/{transaction}"' in text
    assert page(workspace, "credits/usdc") in text
    assert "Test money" not in text
    assert TRY not in text


@PAGES
def test_test_money_says_so(
    simulated_usdc: SimulatedUsdc,
    workspace: Workspace,
    workspace_key: Callable[..., tuple[ApiKey, str]],
    alice_client: Client,
    live_server: object,
    path: str,
) -> None:
    assert paying.main(["--url", str(live_server), "--key", workspace_key()[1], "5"]) == 0
    payment = CryptoPayment.objects.get()
    text = words(alice_client, workspace, path)
    assert "<b>Test money.</b>" in text
    assert '<span class="tag">Test money</span>' in text
    assert f'{TRY} http://testserver --key "$PURSER_KEY" 5' in text
    assert f'href="/simulated-usdc/transactions/{payment.transaction}"' in text
    assert "basescan" not in text


def test_those_that_are_paid_stay_when_it_is_switched_off(workspace: Workspace, alice_client: Client) -> None:
    in_review(workspace)
    text = words(alice_client, workspace, "credits/purchases")
    assert "not set up any more" in text
    assert "Needs a decision" in text


def test_what_is_on_its_way_is_not_in_the_balance_yet(
    agent: Agent, workspace: Workspace, network: Network, alice_client: Client
) -> None:
    assert "Not in the balance yet" not in words(alice_client, workspace, "credits")
    value, _ = agent.sign(2)
    network.fault = "settle_500"
    assert agent.present(2, value).status_code == 202
    text = words(alice_client, workspace, "credits")
    section = text.split("Not in the balance yet")[1].split("</section>")[0]
    assert pending(workspace.pk) == 1_000 * NANO
    assert '<span class="num">1,000</span> credits pending' in section
    assert "On its way" in section
    told = Client().get("/api/v1/credits/summary", headers={"Authorization": f"Bearer {agent.plain}"}).json()
    assert told["pending"] == 1_000


def test_who_may_not_buy_sees_what_is_pending_alone(
    agent: Agent, workspace: Workspace, network: Network, bob: User, bob_client: Client
) -> None:
    value, _ = agent.sign(2)
    network.fault = "settle_500"
    assert agent.present(2, value).status_code == 202
    assert Membership.objects.get(user=bob, workspace=workspace).role != "owner"
    text = words(bob_client, workspace, "credits")
    assert "1,000</b> <small>pending" in text
    assert "register_exact_evm_client" not in text
    assert page(workspace, "credits/usdc") not in text


def test_more_than_are_shown(workspace: Workspace, alice_client: Client) -> None:
    for number in range(6):
        in_review(workspace, nonce=str(number))
    assert words(alice_client, workspace, "credits").count("Needs a decision") == 3
    buy = words(alice_client, workspace, "credits/buy")
    assert buy.count("Needs a decision") == 5
    assert "These are the latest 5." in buy
