"""HTTP on the loopback address: the facilitator's paths, the node's, and one that tells what was moved."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from billing.packs.x402.rails import SIMULATED_KEY, SIMULATED_PAY_TO, TOKENS
from portal.standin_usdc.chain import Chain
from portal.standin_usdc.facilitator import BadRequest, Facilitator
from portal.standin_usdc.node import Node
from portal.standin_usdc.paths import NODE, TRANSFERS

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
UNKNOWN = {"error": "The local stand-in knows nothing of this."}
LOCAL = {HOST, "localhost"}
MOST_BYTES = 100_000


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *, port: int, file: Path | None) -> None:
        super().__init__((HOST, port), Handler)
        self.chain = Chain(TOKENS[SIMULATED_KEY], file)
        facilitator = Facilitator(self.chain, SIMULATED_KEY, pay_to=SIMULATED_PAY_TO)
        self.asked: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "/verify": facilitator.verify,
            "/settle": facilitator.settle,
            NODE: Node(self.chain).call,
        }
        self.told: dict[str, Callable[[], dict[str, Any]]] = {
            "/supported": facilitator.supported,
            "/health": lambda: {"ok": True},
        }

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    def run(self) -> None:
        self.serve_forever(poll_interval=0.1)

    def end(self) -> None:
        self.shutdown()
        self.server_close()
        self.chain.close()


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 60

    def log_message(self, format: str, *args: object) -> None:
        log.debug(format, *args)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if not self._is_local():
            return
        if path in self.server.told:
            self._send(200, self.server.told[path]())
        elif path.startswith(TRANSFERS) and (moved := self.server.chain.transaction(path.removeprefix(TRANSFERS))):
            self._send(200, asdict(moved) | {"at": moved.at})
        else:
            self._send(404, UNKNOWN)

    def do_POST(self) -> None:
        told = self.headers.get("Content-Length", "")
        length = int(told) if told.isdecimal() else 0
        answer = self.server.asked.get(urlsplit(self.path).path)
        if not self._is_local():
            return
        if answer is None or length > MOST_BYTES:
            self._send(413 if answer else 404, UNKNOWN)
            return
        try:
            asked = json.loads(self.rfile.read(length))
            if not isinstance(asked, dict):
                raise BadRequest("Send a JSON object.")
            self._send(200, answer(asked))
        except (ValueError, RecursionError, BadRequest) as error:
            self._send(400, {"error": str(error)})

    def _is_local(self) -> bool:
        """A page of another site, whose name was made to lead to this machine, gets nothing."""
        local = urlsplit(f"//{self.headers.get('Host', '')}").hostname in LOCAL
        if not local:
            self._send(403, {"error": "The local stand-in answers on the loopback address only."})
        return local

    def _send(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
