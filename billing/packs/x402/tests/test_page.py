"""The page of payments in USDC: the command for an agent, and what was paid, with its transaction."""

import pytest
from django.test import Client

from accounts.models import Workspace
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_role
from billing.credits.units import NANO
from billing.ledger.selectors import pending
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.tests.conftest import Agent
from billing.packs.x402.tests.network import Network

pytestmark = pytest.mark.django_db(transaction=True)


def words(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_it_says_so_where_it_is_off(workspace: Workspace, alice_client: Client) -> None:
    text = words(alice_client, page(workspace, "credits/usdc"))
    assert "Payments in USDC are not set up" in text
    assert "Nothing paid in USDC yet" in text
    assert "credits/usdc" not in words(alice_client, page(workspace, "credits/buy"))


def test_it_has_the_command_and_lists_what_was_paid(agent: Agent, workspace: Workspace, alice_client: Client) -> None:
    value, _ = agent.sign(2)
    paid = agent.present(2, value).json()
    text = words(alice_client, page(workspace, "credits/usdc"))
    for part in ("http://testserver/api/v1/credits/topup", "Base Sepolia", "a test network", "$5.00", "1,000"):
        assert part in text, part
    assert f"https://sepolia.basescan.org/tx/{paid['transaction']}" in text
    assert paid["invoice"] in text
    assert "credits/usdc" in words(alice_client, page(workspace, "credits/buy"))
    assert "credits/usdc" in words(alice_client, page(workspace, "credits/purchases"))


def test_what_is_on_its_way_is_pending(
    agent: Agent, workspace: Workspace, network: Network, alice_client: Client
) -> None:
    value, _ = agent.sign(2)
    network.fault = "settle_500"
    assert agent.present(2, value).status_code == 202
    assert CryptoPayment.objects.get().state == "settling"
    assert "On its way" in words(alice_client, page(workspace, "credits/usdc"))
    assert pending(workspace.pk) == 1_000 * NANO


def test_who_may_see_it(workspace: Workspace, charlie_client: Client, bob_client: Client) -> None:
    url = page(workspace, "credits/usdc")
    asks_to_sign_in(url)
    hides_from_strangers(charlie_client, url)
    refuses_role(bob_client, url)
