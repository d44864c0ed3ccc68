"""The network that the stand-in plays, as the portal looks at it: by JSON-RPC."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from billing.packs.x402 import chain as look
from billing.packs.x402.rails import SIMULATED_KEY, SIMULATED_PAY_TO, TOKENS, Rail
from portal.home import BASE_DIR
from portal.standin_usdc import node
from portal.standin_usdc.chain import FIRST_UNITS, Chain, Reverted, latest
from portal.standin_usdc.signing import Authorization
from portal.standin_usdc.tests.payments import FIVE, authorization, exchange, signature
from portal.testing.simulated_usdc import SimulatedUsdc


@pytest.fixture(scope="module")
def standin() -> Iterator[SimulatedUsdc]:
    running = SimulatedUsdc()
    yield running
    running.stop()


@pytest.fixture
def account() -> LocalAccount:
    made: LocalAccount = Account.create()
    return made


@pytest.fixture
def rail(standin: SimulatedUsdc) -> Rail:
    return Rail(SIMULATED_KEY, TOKENS[SIMULATED_KEY], SIMULATED_PAY_TO, standin.url + "/rpc")


def rpc(rail: Rail, method: str, *params: Any) -> dict[str, Any]:
    asked = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
    answer = httpx.post(rail.node, json=asked, trust_env=False)
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    assert told["id"] == 7
    return told


def test_the_events_are_those_the_portal_looks_for() -> None:
    assert (node.TRANSFER, node.USED) == (look.TRANSFER, look.USED)


@pytest.mark.parametrize("file", ["templates/packs/parts/usdc_how.html", "docs/integrations/x402.md"])
def test_people_are_told_what_everybody_begins_with(file: str) -> None:
    assert f"address has {FIRST_UNITS // 10**6:,} test USDC" in (BASE_DIR / file).read_text()


def test_an_authorization_before_and_after(standin: SimulatedUsdc, rail: Rail, account: LocalAccount) -> None:
    message = authorization(account)
    nonce = "0x" + message["nonce"].hex()

    def shown(units: int = FIVE, **changes: Any) -> look.Shown:
        asked = {"payer": account.address.lower(), "nonce": nonce, "from_block": height} | changes
        return look.look(rail, units=units, **asked)

    height = look.height(rail)
    assert shown().what == "unused"
    asked = exchange(2, message, signature(account, message))
    told = httpx.post(standin.url + "/settle", json=asked, trust_env=False).json()
    assert (shown().what, shown().transaction) == ("paid", told["transaction"])
    assert shown(FIVE + 1).what == "other", "another amount is no payment of ours"
    assert shown(nonce="0x" + "00" * 32).what == "unused"
    assert shown(payer="0x" + "11" * 20).what == "unused"
    assert shown(from_block=height - 5_000).what == "unused", "it is looked for in a span of blocks"


def test_what_a_node_is_asked(rail: Rail) -> None:
    assert int(rpc(rail, "eth_chainId")["result"], 16) == 84532
    assert abs(int(rpc(rail, "eth_blockNumber")["result"], 16) - latest()) <= 1
    assert rpc(rail, "eth_getCode", rail.asset, "latest")["result"] != "0x"
    assert rpc(rail, "eth_getCode", SIMULATED_PAY_TO, "latest")["result"] == "0x"
    assert rpc(rail, "eth_getTransactionReceipt", "0x" + "00" * 32)["result"] is None
    assert rpc(rail, "eth_getBlockByNumber", hex(latest() + 100), False)["result"] is None
    assert rpc(rail, "eth_sendRawTransaction", "0x")["error"]["code"] == -32601
    assert rpc(rail, "eth_getLogs", {})["error"]["code"] == -32602
    assert rpc(rail, "eth_getBlockByNumber", "newest")["error"]["code"] == -32602


def test_an_authorization_is_used_once_by_many_at_the_same_time(account: LocalAccount) -> None:
    network = Chain(TOKENS[SIMULATED_KEY], None)
    message = authorization(account, value=6_000_000_000)
    signed = signature(account, message)
    wanted = Authorization(
        account.address, SIMULATED_PAY_TO, 6_000_000_000, message["validAfter"], message["validBefore"], _hex(message)
    )
    went: list[str] = []

    def transfer() -> None:
        try:
            went.append(network.transfer(wanted, signed).hash)
        except Reverted as reverted:
            went.append(reverted.code)

    threads = [threading.Thread(target=transfer) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert went.count("invalid_exact_evm_nonce_already_used") == 7
    assert network.balance(account.address) == FIRST_UNITS - 6_000_000_000
    # A second one of the same size is more than is left, whatever its nonce.
    second = authorization(account, value=6_000_000_000)
    again = Authorization(
        account.address, SIMULATED_PAY_TO, 6_000_000_000, second["validAfter"], second["validBefore"], _hex(second)
    )
    with pytest.raises(Reverted, match="insufficient_balance"):
        network.transfer(again, signature(account, second))


def _hex(message: dict[str, Any]) -> str:
    return "0x" + message["nonce"].hex()
