"""What payments in USDC stand on, well and unwell."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from billing.packs.x402.rails import SIMULATED_KEY
from portal.doctor import crypto
from portal.doctor.findings import Finding
from portal.standin_usdc.paths import NODE as NODE_PATH
from portal.testing.simulated_usdc import SimulatedUsdc

RECEIVER = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"
NODE = "USDC, Base Sepolia"


def found() -> dict[str, Finding]:
    return {finding.part: finding for finding in crypto.usdc()}


def kinds(*pairs: tuple[int, str]) -> Any:
    told = [{"x402Version": version, "scheme": "exact", "network": network} for version, network in pairs]
    return lambda: {"kinds": told}


def test_nothing_is_said_where_it_is_off() -> None:
    assert found() == {}


def test_everything_is_well(simulated_usdc: SimulatedUsdc) -> None:
    assert {part: each.state for part, each in found().items()} == {
        "USDC": "note",
        "USDC facilitator": "ok",
        NODE: "ok",
    }
    assert "test money" in found()["USDC"].found


def test_a_facilitator_that_is_not_there(simulated_usdc: SimulatedUsdc, settings: Any) -> None:
    settings.X402_FACILITATOR_URL = "http://127.0.0.1:9"
    finding = found()["USDC facilitator"]
    assert (finding.state, "ConnectError" in finding.found) == ("wrong", True)
    assert "Only make run starts the stand-in" in finding.fix
    settings.X402_PAY_TO = RECEIVER
    assert "X402_FACILITATOR_URL" in found()["USDC facilitator"].fix
    assert "USDC of a test network buys credits" in found()["USDC"].found
    settings.X402_FACILITATOR_URL = f"{simulated_usdc.url}/v2"
    assert "HTTP 404" in found()["USDC facilitator"].found


@pytest.mark.parametrize(
    ("answer", "said"),
    [({"kinds": "none"}, "ValidationError"), ({}, "ValidationError")],
)
def test_a_facilitator_that_speaks_otherwise(simulated_usdc: SimulatedUsdc, answer: dict[str, Any], said: str) -> None:
    simulated_usdc.server.told["/supported"] = lambda: answer
    finding = found()["USDC facilitator"]
    assert (finding.state, said in finding.found) == ("wrong", True)


@pytest.mark.parametrize(
    ("status", "fix"), [(401, "X402_FACILITATOR_TOKEN"), (403, "X402_FACILITATOR_TOKEN"), (302, "X402_FACILITATOR_URL")]
)
def test_a_facilitator_that_does_not_let_us_in(
    simulated_usdc: SimulatedUsdc, settings: Any, status: int, fix: str
) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.headers["Authorization"] == "Bearer old" else 500)
            self.send_header("Location", simulated_usdc.url)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        settings.X402_FACILITATOR_URL = f"http://127.0.0.1:{server.server_port}"
        settings.X402_FACILITATOR_TOKEN, settings.X402_PAY_TO = "old", RECEIVER
        finding = found()["USDC facilitator"]
    assert (finding.state, f"HTTP {status}" in finding.found, fix in finding.fix) == ("wrong", True, True)


def test_a_facilitator_of_another_network(simulated_usdc: SimulatedUsdc) -> None:
    simulated_usdc.server.told["/supported"] = kinds((1, "base"), (2, "eip155:8453"))
    finding = found()["USDC facilitator"]
    assert (finding.state, finding.found.endswith("takes no “exact” payments on Base Sepolia")) == ("wrong", True)
    assert "base-sepolia out of X402_NETWORKS" in finding.fix


@pytest.mark.parametrize(
    ("offered", "state", "said"),
    [
        (kinds((2, "eip155:84532")), "note", "takes version 2 alone"),
        (kinds((1, "base-sepolia")), "note", "takes version 1 alone"),
        (kinds((1, "base-sepolia"), (2, "eip155:*")), "ok", "both versions"),
    ],
)
def test_versions(simulated_usdc: SimulatedUsdc, offered: Any, state: str, said: str) -> None:
    simulated_usdc.server.told["/supported"] = offered
    finding = found()["USDC facilitator"]
    assert (finding.state, said in finding.found) == (state, True)


def test_a_node_that_is_not_there(simulated_usdc: SimulatedUsdc, settings: Any) -> None:
    settings.X402_NETWORKS = {SIMULATED_KEY: "http://127.0.0.1:9/secret-key"}
    finding = found()[NODE]
    assert (finding.state, "eth_chainId: ConnectError" in finding.found) == ("wrong", True)
    assert "base-sepolia in X402_NETWORKS" in finding.fix
    assert "secret-key" not in finding.found + finding.fix


def test_a_node_of_another_chain(simulated_usdc: SimulatedUsdc, settings: Any) -> None:
    settings.X402_NETWORKS = {"base": settings.X402_NETWORKS[SIMULATED_KEY]}
    finding = found()["USDC, Base"]
    assert (finding.state, "is of chain 84532, not 8453" in finding.found) == ("wrong", True)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"eth_getCode": "0x"}, "knows no contract at 0x036CbD53842c5426634e7929541eC2318f3dCF7e"),
        ({"eth_getCode": None}, "knows no contract"),
        ({"eth_getBlockByNumber": {"number": "0x1", "timestamp": "0x6553f100"}}, "minutes old"),
        ({"eth_getBlockByNumber": None}, "does not answer: node: no block"),
        ({"eth_chainId": "84532"}, "is of chain 542002"),
        ({"eth_chainId": "Base"}, "does not answer: node: no number"),
    ],
)
def test_a_node_that_is_no_good(simulated_usdc: SimulatedUsdc, changed: dict[str, Any], said: str) -> None:
    answer = simulated_usdc.server.asked[NODE_PATH]
    simulated_usdc.server.asked[NODE_PATH] = lambda asked: (
        answer(asked) | ({"result": changed[asked["method"]]} if asked["method"] in changed else {})
    )
    finding = found()[NODE]
    assert (finding.state, said in finding.found) == ("wrong", True), finding
    assert finding.fix


def test_a_node_that_searches_too_few_blocks(simulated_usdc: SimulatedUsdc, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = simulated_usdc.server.asked
    usual = asked[NODE_PATH]

    def narrow(body: dict[str, Any]) -> dict[str, Any]:
        if body["method"] != "eth_getLogs":
            return usual(body)
        return {"jsonrpc": "2.0", "id": body["id"], "error": {"code": -32005, "message": "range too wide"}}

    monkeypatch.setitem(asked, NODE_PATH, narrow)
    finding = found()[NODE]
    assert (finding.state, "1,000 blocks" in finding.found) == ("wrong", True)
