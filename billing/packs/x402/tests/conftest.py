"""A network on loopback, a wallet with money, and the two requests of a payment."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from eth_account import Account
from eth_account.signers.local import LocalAccount
from x402 import x402ClientSync
from x402.http.utils import decode_payment_required_header, encode_payment_signature_header
from x402.mechanisms.evm.exact.register import register_exact_evm_client
from x402.schemas.v1 import PaymentRequiredV1

from accounts.models import ApiKey, Workspace
from billing.packs.x402 import settling
from billing.packs.x402.rails import TOKENS
from billing.packs.x402.tests.chain import Chain
from billing.packs.x402.tests.network import Network

PAY_TO = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"
KEY = "base-sepolia"
PATH = "/api/v1/credits/topup"
HEADERS = {1: "X-PAYMENT", 2: "PAYMENT-SIGNATURE"}


@pytest.fixture(scope="module")
def network_port() -> int:
    """Any that is free, with each test."""
    return 0


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, network_port: int) -> Iterator[Network]:
    found = Network(Chain(TOKENS[KEY]), key=KEY, port=network_port)
    with monkeypatch.context() as patch:
        patch.setattr(settings, "X402_PAY_TO", PAY_TO)
        patch.setattr(settings, "X402_NETWORKS", {KEY: f"{found.url}/rpc"})
        patch.setattr(settings, "X402_FACILITATOR_URL", found.url)
        patch.setattr(settings, "X402_FACILITATOR_TOKEN", "")
        patch.setattr(settling, "PAUSE", 0.01)
        yield found
    found.close()


@pytest.fixture
def wallet(network: Network) -> LocalAccount:
    account: LocalAccount = Account.create()
    network.chain.mint(account.address, 1_000_000_000)
    return account


class Agent:
    """Pays as the package's client does, step by step."""

    def __init__(self, plain: str, account: LocalAccount) -> None:
        self.plain, self.client = plain, x402ClientSync()
        register_exact_evm_client(self.client, account)
        self.client.set_spend_controls({"max_amount_per_payment": "$1000"})

    def ask(self, body: dict[str, Any] | None = None, **headers: str) -> Any:
        return Client().post(
            PATH,
            body or {"amount_usd": 5},
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.plain}", **headers},
        )

    def sign(self, version: int, body: dict[str, Any] | None = None) -> tuple[str, Any]:
        """The header's value, and the payment in it."""
        demanded = self.ask(body)
        assert demanded.status_code == 402, demanded.content
        if version == 1:
            payment = self.client.create_payment_payload(PaymentRequiredV1.model_validate(demanded.json()))
        else:
            required = decode_payment_required_header(demanded.headers["PAYMENT-REQUIRED"])
            payment = self.client.create_payment_payload(required)
        return encode_payment_signature_header(payment), payment

    def present(self, version: int, value: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.ask(body, **{HEADERS[version]: value}, **headers)


@pytest.fixture
def agent(workspace_key: Callable[..., tuple[ApiKey, str]], wallet: LocalAccount) -> Agent:
    return Agent(workspace_key()[1], wallet)


def changed(value: str, change: Callable[[dict[str, Any]], None]) -> str:
    """A signed header with something in it changed."""
    content = json.loads(base64.b64decode(value))
    change(content)
    return base64.b64encode(json.dumps(content).encode()).decode()


def credited(workspace: Workspace) -> int:
    from billing.ledger.selectors import balance

    return balance(workspace.pk).available
