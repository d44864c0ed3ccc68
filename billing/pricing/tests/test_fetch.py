"""Fetching a catalogue: what is refused, and how that is told."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from billing.pricing.sources import fetch
from billing.pricing.sources.fetch import NotThere, check_url, fetch_text
from billing.pricing.sources.rows import SourceError

TEXT = '{"price": "½"}'


class Answers(BaseHTTPRequestHandler):
    """A catalogue's server with every fault it may have."""

    def do_GET(self) -> None:
        whole = TEXT.encode()
        if self.path == "/moved":
            return self._head(302, Location="/whole")
        if self.path == "/away":
            return self._head(302, Location="http://prices.example/whole")
        if self.path == "/gone":
            return self.send_error(404)
        if self.path == "/broken":
            return self.send_error(503, "Busy")
        if self.path == "/truncated":
            self._head(200, **{"Content-Length": str(len(whole) + 7)})
        else:
            whole = b"\xff\xfe\x00" if self.path == "/binary" else whole
            self._head(200, **{"Content-Length": str(len(whole))})
        self.wfile.write(whole)
        return None

    def _head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_document_comes_whole_also_by_a_redirect(url: str) -> None:
    assert fetch_text(f"{url}/whole") == fetch_text(f"{url}/moved") == TEXT


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/gone", "the server answered 404: there is nothing at this address"),
        ("/broken", "the server answered 503 Busy"),
        ("/truncated", "it broke off: 15 of 22 bytes came"),
        ("/binary", "it is not text in UTF-8"),
        ("/away", "prices are fetched by https only, except from this machine itself"),
    ],
)
def test_a_reason_is_told(url: str, path: str, reason: str) -> None:
    with pytest.raises(SourceError) as problem:
        fetch_text(url + path)
    assert str(problem.value) == reason
    assert isinstance(problem.value, NotThere) == (path == "/gone")


def test_more_than_a_catalogue_can_be_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MOST_BYTES", 5)
    with pytest.raises(SourceError, match="larger than"):
        fetch_text(f"{url}/whole")


def test_one_that_takes_too_long_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "ALL_SECONDS", -1)
    with pytest.raises(SourceError, match="took longer"):
        fetch_text(f"{url}/whole")


def test_nobody_there() -> None:
    with pytest.raises(SourceError, match="it cannot be reached"):
        fetch_text("http://127.0.0.1:9/prices.json")


@pytest.mark.parametrize(
    "good", ["https://example.com/x.json", "http://localhost:1/x", "http://[::1]/x", "http://127.0.0.2/"]
)
def test_https_or_this_machine(good: str) -> None:
    check_url(good)


@pytest.mark.parametrize("bad", ["http://example.com/", "file:///etc/passwd", "ftp://localhost/", "https://", "x", ""])
def test_nothing_else(bad: str) -> None:
    with pytest.raises(SourceError):
        check_url(bad)
