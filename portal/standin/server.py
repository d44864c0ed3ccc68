"""HTTP on the loopback address, and the parts that run beside it."""

import contextlib
import json
import logging
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from portal.standin.app import REMEMBERED, App, Reply, Request, reply_headers
from portal.standin.billing.due import run_until
from portal.standin.delivery import Courier
from portal.standin.store import Store
from portal.standin.world import World

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
MOST_BYTES = 1_000_000
EVENTS_KEPT = 30 * 86400  # seconds


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *, port: int, file: Path | None, pages: str, token: str) -> None:
        super().__init__((HOST, port), Handler)
        self.store = Store(file)
        self.world = World(self.store, pages.rstrip("/"))
        self.courier = Courier(self.world)
        self.app = App(self.world, self.courier, token)
        self._tidy()
        self._over = threading.Event()
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    def run(self) -> None:
        """Serve until `end`."""
        self.courier.start()
        ticker = threading.Thread(target=self._tick, daemon=True)
        ticker.start()
        self.serve_forever(poll_interval=0.1)

    def get_request(self) -> tuple[socket.socket, Any]:
        request, address = super().get_request()
        self._open.add(request)
        return request, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def end(self) -> None:
        """What is being answered is; connections that are kept open are closed."""
        self._over.set()
        self.courier.stop()
        self.shutdown()
        for request in list(self._open):
            with contextlib.suppress(OSError):  # gone by itself
                request.shutdown(socket.SHUT_RD)
        self.server_close()
        self.store.close()

    def _tidy(self) -> None:
        """Forget what nobody asks for any more: repeated requests after a day, events after a month, as Stripe does."""
        now = time.time()
        with self.store.transaction():
            for known in self.store.look("idempotency"):
                if known["at"] < now - REMEMBERED:
                    self.store.remove("idempotency", known["key"])
            waiting = {delivery["event"] for delivery in self.store.look("delivery")}
            for event in self.store.look("event"):
                if event["created"] < self.world.now() - EVENTS_KEPT and event["id"] not in waiting:
                    self.store.remove("event", event["id"])

    def _tick(self) -> None:
        """Once a second what has fallen due."""
        while not self._over.wait(1.0):
            with self.store.transaction():
                now = self.world.now()
            try:
                if run_until(self.world, now):
                    self.app.control.settle()
            except Exception:
                log.exception("what is due could not be done")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    wbufsize = -1  # head and body of a reply in one packet
    disable_nagle_algorithm = True
    timeout = 60

    def log_message(self, format: str, *args: object) -> None:
        log.debug(format, *args)

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MOST_BYTES:
            self.send_error(413)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length).decode())
        reply = self.server.app.handle(request)
        try:
            self._send(reply)
        finally:
            self.server.courier.release(reply.after)

    def _send(self, reply: Reply) -> None:
        body = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in reply_headers(reply).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_POST = do_DELETE = _serve
