"""The x402 package's own facilitator and a node's JSON-RPC on loopback, with the faults that real ones have."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from x402 import x402FacilitatorSync
from x402.mechanisms.evm.exact.facilitator import ExactEvmScheme
from x402.mechanisms.evm.exact.v1.facilitator import ExactEvmSchemeV1
from x402.schemas import PaymentPayload, PaymentRequirements
from x402.schemas.v1 import PaymentPayloadV1, PaymentRequirementsV1

from billing.packs.x402.tests.chain import Chain

MODELS: dict[int, Any] = {1: (PaymentPayloadV1, PaymentRequirementsV1), 2: (PaymentPayload, PaymentRequirements)}


class Network:
    """`fault`: what goes wrong the next time, then nothing: "settle_lost" (done, and the answer is lost), "settle_500"
    (not done), "settle_lies" (says done, does nothing), "settle_held" (done, and never answered), "settle_reverts"
    (sent, and reverted by the contract, as what somebody else has sent is), "verify_500", "slow" (both).

    `meanwhile` happens once, before the next settlement. `forgetful`: a facilitator that finds what it has settled good
    again, and says "done" again.
    """

    def __init__(self, chain: Chain, *, key: str, port: int = 0) -> None:
        self.chain, self.fault, self.node_down, self.forgetful = chain, "", False, False
        self.meanwhile: Callable[[], object] | None = None
        self.asked: list[str] = []
        self.settled: dict[str, Any] = {}  # by nonce
        self._closing = threading.Event()
        self._done = threading.Event()
        self.facilitator = x402FacilitatorSync()
        self.facilitator.register([chain.token.network], ExactEvmScheme(chain))
        self.facilitator.register_v1([key], ExactEvmSchemeV1(chain))
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        forever = {"poll_interval": 0.02}  # how soon `close` is heard
        threading.Thread(target=self._server.serve_forever, kwargs=forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def wait_until_done(self) -> None:
        """Until a settlement is through whose caller gave up waiting."""
        assert self._done.wait(30)

    def take_fault(self, *names: str) -> str:
        if self.fault not in names:
            return ""
        found, self.fault = self.fault, ""
        return found

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any] | None:
        """Status and document; None hangs up."""
        self.asked.append(path)
        if path == "/rpc":
            if self.node_down:
                return 503, {}
            return 200, {"jsonrpc": "2.0", "id": body["id"], "result": self.chain.rpc(body["method"], body["params"])}
        payload_model, requirements_model = MODELS[body["x402Version"]]
        payload = payload_model.model_validate(body["paymentPayload"])
        requirements = requirements_model.model_validate(body["paymentRequirements"])
        signed = payload.payload["authorization"]
        again = self.settled.get(signed["nonce"]) if self.forgetful else None
        if path == "/verify":
            if self.take_fault("verify_500"):
                return 500, {}
            if again:
                return 200, {"isValid": True, "payer": signed["from"]}
            return 200, _document(self.facilitator.verify(payload, requirements))
        if again:
            return 200, again
        return self._settle(payload, requirements)

    def _settle(self, payload: Any, requirements: Any) -> tuple[int, Any] | None:
        if happens := self.meanwhile:
            self.meanwhile = None
            happens()
        fault = self.take_fault("settle_lost", "settle_500", "settle_lies", "settle_held", "settle_reverts", "slow")
        if fault == "settle_reverts":
            said = {"success": False, "errorReason": "transaction_failed", "transaction": "0x" + "cd" * 32}
            return 200, said | {"network": requirements.network}
        if fault == "settle_500":
            return 500, {"oops": True}
        if fault == "settle_lies":
            return 200, {"success": True, "transaction": "0x" + "ab" * 32, "network": requirements.network, "payer": ""}
        if fault == "slow":
            time.sleep(1.5)
        said = _document(self.facilitator.settle(payload, requirements))
        self.settled[payload.payload["authorization"]["nonce"]] = said
        self._done.set()
        if fault == "settle_held":
            self._closing.wait(60)
            return None
        return None if fault == "settle_lost" else (200, said)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        network = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(200, _document(network.facilitator.get_supported()))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                found = network.answer(self.path, body)
                if found is None:
                    self.close_connection = True
                    return
                self._send(*found)

            def _send(self, status: int, document: Any) -> None:
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


def _document(model: Any) -> Any:
    return model.model_dump(by_alias=True, exclude_none=True, mode="json")
