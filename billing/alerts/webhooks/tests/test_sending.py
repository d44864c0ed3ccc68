"""One request against a real receiver: what counts as an answer, and where nothing is ever sent."""

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from billing.alerts.webhooks import connecting
from billing.alerts.webhooks.addresses import networks
from billing.alerts.webhooks.sending import MOST_BODY, Answer, post
from billing.alerts.webhooks.tests.conftest import Receiver, answer

LOOPBACK = networks(["127.0.0.0/8"])
LONG = 12.0  # seconds in which nobody answers: a busy machine still leaves well before


def send(url: str, **more: Any) -> Answer:
    terms = {"allowed": LOOPBACK, "allow_http": True, "seconds": 10.0}
    return post(url, b'{"a":1}', {"webhook-id": "msg_1"}, **{**terms, **more})


def test_a_request_arrives_whole(receiver: Receiver) -> None:
    found = send(receiver.url + "?x=1")
    assert (found.status, found.accepted, found.error) == (204, True, "")
    (request,) = receiver.requests
    assert (request.path, request.body, request.id) == ("/hooks?x=1", b'{"a":1}', "msg_1")
    assert request.headers["host"] == f"127.0.0.1:{receiver.server.server_port}"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, other_receiver: Receiver, status: int) -> None:
    receiver.usual = answer(status, Location=other_receiver.url)
    found = send(receiver.url)
    assert (found.status, found.accepted) == (status, False)
    assert found.error == f"answered {status}: redirects are not followed"
    assert other_receiver.connections == 0


@pytest.mark.parametrize(("status", "gone"), [(400, False), (410, True), (500, False), (503, False)])
def test_other_answers_are_failures(receiver: Receiver, status: int, gone: bool) -> None:
    receiver.usual = answer(status, b"why \x00 not")
    found = send(receiver.url)
    assert (found.status, found.accepted, found.gone) == (status, False, gone)
    assert found.error == f"answered {status}"
    assert found.response == "why \N{REPLACEMENT CHARACTER} not"


def test_who_does_not_answer_is_left(receiver: Receiver) -> None:
    receiver.usual = lambda _request: time.sleep(LONG)
    began = time.monotonic()
    found = send(receiver.url, seconds=0.3)
    assert time.monotonic() - began < LONG - 2
    assert (found.status, found.error) == (None, "no answer within 0.3 s")


def test_who_sends_a_byte_now_and_then_is_left_as_well(receiver: Receiver) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100:
            request.wfile.write(bytes([byte]))
            time.sleep(0.05)

    receiver.usual = drip
    began = time.monotonic()
    assert send(receiver.url, seconds=0.5).error == "no answer within 0.5 s"
    assert time.monotonic() - began < 4


def test_a_slow_body_does_not_keep_the_answer_back(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.alerts.webhooks.sending.BODY_SECONDS", 0.2)

    def slow(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(b"begun")
        time.sleep(LONG)

    receiver.usual = slow
    began = time.monotonic()
    found = send(receiver.url)
    assert (found.accepted, found.response) == (True, "begun")
    assert time.monotonic() - began < LONG - 2


def test_of_a_huge_body_only_the_beginning_is_read(receiver: Receiver) -> None:
    written = 0

    def endless(request: BaseHTTPRequestHandler) -> None:
        nonlocal written
        request.send_response(200)
        request.end_headers()
        while written < 500_000_000:
            written += request.wfile.write(b"x" * 65_536)

    receiver.usual = endless
    found = send(receiver.url)
    assert found.accepted
    assert found.response == "x" * MOST_BODY
    assert written < 50_000_000


def test_nonsense_is_no_answer(receiver: Receiver) -> None:
    receiver.usual = lambda request: request.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n") and None
    found = send(receiver.url)
    assert found.status is None
    assert found.error.startswith("no answer that is HTTP")


def test_a_closed_port_is_said(receiver: Receiver) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "no connection to 127.0.0.1" in send(f"http://127.0.0.1:{port}/").error


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"])
def test_without_permission_nothing_is_connected(receiver: Receiver, host: str) -> None:
    found = send(f"http://{host}:{receiver.server.server_port}/hooks", allowed=())
    assert found.status is None
    assert "is not a public address: nothing was sent" in found.error
    assert receiver.connections == 0


def test_without_permission_http_is_refused(receiver: Receiver) -> None:
    assert "only https://" in send(receiver.url, allow_http=False).error
    assert receiver.connections == 0


class Names:
    """A name server that answers each question with the next of its answers, and who was connected to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.answers, self.asked, self.connected = list(answers), 0, list[str]()
        monkeypatch.setattr(connecting.socket, "getaddrinfo", self.resolve)
        monkeypatch.setattr(connecting.socket, "create_connection", self.connect)

    def resolve(self, host: str, port: int, **_terms: Any) -> list[Any]:
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in self.answers.pop(0)]

    def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.connected.append(address[0])
        raise TimeoutError("timed out")


def test_a_name_that_changes_its_mind_is_asked_once_and_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: first a public address, to pass the check; then loopback, to be connected to."""
    names = Names(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    found = send("https://rebind.example/", allowed=())
    assert (names.asked, names.connected) == (1, ["93.184.216.34"])
    assert found.error == "no connection to rebind.example: timed out"
    found = send("https://rebind.example/", allowed=())  # the retry asks again, and hears the truth
    assert (names.asked, names.connected) == (2, ["93.184.216.34"])
    assert found.error == "rebind.example leads to an address that is not a public address: nothing was sent"


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, ["93.184.216.34", "10.0.0.7"])
    assert "not a public address" in send("https://mixed.example/", allowed=()).error
    assert names.connected == []


def test_a_name_server_that_does_not_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "addresses_of", lambda host, port: _real(host, port, seconds=0.1))
    monkeypatch.setattr(connecting.socket, "getaddrinfo", lambda *_a, **_k: time.sleep(LONG))
    began = time.monotonic()
    assert send("https://silent.example/").error == "the name silent.example was not resolved within 0.1 s"
    assert time.monotonic() - began < LONG - 2


_real = connecting.addresses_of


class Tls:
    """A receiver with a certificate for hooks.example, at the loopback address; which name it was asked for."""

    def __init__(self, receiver: Receiver, tmp_path: Path) -> None:
        self.asked_for: list[str | None] = []
        self.port = receiver.server.server_port
        key, certificate = _certificate("hooks.example")
        self.file = tmp_path / "hooks.pem"
        self.file.write_bytes(key + certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        context.sni_callback = lambda _socket, name, _context: self.asked_for.append(name)
        receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)


@pytest.fixture
def tls(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tls:
    made = Tls(receiver, tmp_path)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", made.port))]
    monkeypatch.setattr(connecting.socket, "getaddrinfo", lambda *_a, **_k: found)
    return made


def test_tls_is_spoken_with_the_name_over_the_address_that_was_checked(
    receiver: Receiver, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.file))
    found = send(f"https://hooks.example:{tls.port}/hooks", allow_http=False)
    assert (found.status, found.error) == (204, "")
    assert tls.asked_for == ["hooks.example"]
    assert receiver.requests[0].headers["host"] == f"hooks.example:{tls.port}"


def test_a_certificate_of_another_name_is_refused(
    receiver: Receiver, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.file))
    found = send(f"https://other.example:{tls.port}/hooks")
    assert "no TLS with other.example" in found.error
    assert receiver.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(receiver: Receiver, tls: Tls) -> None:
    assert "no TLS with hooks.example" in send(f"https://hooks.example:{tls.port}/hooks").error
    assert receiver.requests == []


def _certificate(name: str) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return pem, certificate.public_bytes(serialization.Encoding.PEM)
