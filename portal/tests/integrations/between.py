"""A bad line between a client and the portal: it loses answers, or answers itself that the portal is busy."""

import http.client
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LOST, CUT, BUSY, LIMITED, FINE = "lost", "cut", "busy", "limited", "fine"


class Between(ThreadingHTTPServer):
    """Does `faults` to the first requests, one each; passes the others on.

    "lost" passes the request on and loses the answer, "cut" ends the connection before, "busy" is 503 and "limited"
    429 with Retry-After.
    """

    daemon_threads = True

    def __init__(self, url: str, faults: Iterable[str], *, retry_after: int = 1) -> None:
        super().__init__(("127.0.0.1", 0), Line)
        self.portal = urlsplit(url)
        self.faults, self.retry_after = list(faults), retry_after
        self.seen: list[tuple[str, bytes, str]] = []  # path, body, Idempotency-Key
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Line(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Between

    def log_message(self, *words: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        self.server.seen.append((self.path, body, self.headers.get("Idempotency-Key", "")))
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault == CUT:
            self.close_connection = True
        elif fault in (BUSY, LIMITED):
            self._say(503 if fault == BUSY else 429, {"Retry-After": str(self.server.retry_after)}, b'{"code": "x"}')
        else:
            status, headers, text = self._pass_on(body)
            if fault == LOST:
                self.close_connection = True
            else:
                self._say(status, headers, text)

    def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        to = http.client.HTTPConnection(str(self.server.portal.hostname), self.server.portal.port, timeout=30)
        wanted = ("Authorization", "Content-Type", "Purser-Workspace", "Idempotency-Key", "Accept")
        headers = {name: self.headers[name] for name in wanted if name in self.headers}
        to.request(self.command, self.path, body or None, headers)
        answer = to.getresponse()
        kept = {name: answer.headers[name] for name in ("Content-Type", "Idempotent-Replay") if name in answer.headers}
        return answer.status, kept, answer.read()

    def _say(self, status: int, headers: dict[str, str], text: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
