"""The same malformed requests over the wire, to the web server that `make run` starts."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from random import Random
from typing import Any

import psycopg
import pytest

from portal.home import BASE_DIR
from portal.testing.malformed import Request, Target, malformed
from portal.testing.patient import Call, Clients, WebServer
from portal.testing.ready import prepared
from portal.testing.targets import ASKED, targets

MAKE = """
import json
from decimal import Decimal
from accounts.scopes import KeyKind, Scope
from accounts.services.keys import api_key_create
from portal.management.provision import workspace_provision
made = workspace_provision(name="Hot", owner_email="hot@example.com", credits=Decimal(1000))
_, key = api_key_create(kind=KeyKind.SERVICE, workspace=None, name="test", scopes=list(Scope))
print(json.dumps([made.workspace.public_id, key]))
"""
KEPT = (
    *("metering_usageevent", "ledger_operation", "ledger_hold", "ledger_holdresolution"),
    *("accounts_workspace", "accounts_user", "accounts_portallink", "plans_resource"),
)
# This server has no Stripe: what is said well enough to be handed to it is refused with that.
PAID = {"/api/v1/credits/checkout", "/api/stripe/create-checkout-session"}


class Surface:
    def __init__(self, server: WebServer, database: str) -> None:
        self.server, self.database = server, database
        workspace, self.key = json.loads(manage(server, "shell", "--no-imports", "-c", MAKE).splitlines()[-1])
        headers = {"Authorization": f"Bearer {self.key}", "Purser-Workspace": workspace}
        placed = Clients(server, headers).send(Call("/api/v1/usage/authorize", ASKED))
        assert placed.status == 201, placed.text
        self.targets = targets(workspace=workspace, hold=placed.json()["hold"], member="hot@example.com")

    def standing(self) -> list[Any]:
        with psycopg.connect(self.database) as connection:
            wallets = connection.execute("SELECT * FROM ledger_wallet ORDER BY workspace_id").fetchall()
            counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in KEPT]  # type: ignore[arg-type]
        return [wallets, counts]

    def send(self, request: Request) -> tuple[int, str, bytes]:
        """Status, content type and body of the answer; 0 when the connection was closed without one."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as wire:
            try:
                wire.sendall(spelled(request))
                if request.framing:  # else the server would wait for the rest of what was announced
                    wire.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: wire.recv(65_536), b""))
            except ConnectionError:
                return 0, "", b""
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head:
            return 0, "", b""
        lines = head.decode("latin-1").split("\r\n")
        told = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return int(lines[0].split()[1]), told.get("content-type", ""), body


def spelled(request: Request) -> bytes:
    names = {name.lower() for name, _ in request.headers}
    headers = [*request.headers, ("Host", "localhost"), ("Connection", "close")]
    if not names & {"content-length", "transfer-encoding"}:
        headers.append(("Content-Length", str(len(request.body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{request.method} {request.path} HTTP/1.1\r\n{head}\r\n".encode() + request.body


def manage(server: WebServer, *words: str) -> str:
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(command, cwd=BASE_DIR, env=server.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def surface() -> Iterator[Surface]:
    with prepared() as made:
        server = WebServer(made.home, made.url)
        try:
            yield Surface(server, made.url)
            manage(server, "verify_ledger")
        finally:
            server.kill()


def check(target: Target, request: Request, status: int, kind: str, body: bytes) -> None:
    said = (target.path, request.broken, request.headers, request.body[:300], status, body[:300])
    if target.batch and status == 200:
        told = json.loads(body)
        assert (told["accepted"], told["duplicates"], len(told["rejected"])) == (0, 0, 1), said
    elif kind == "application/problem+json":
        told = json.loads(body)
        without_stripe = target.path in PAID and (status, told["code"]) == (503, "unavailable")
        assert 400 <= status < 500 or without_stripe, said
        assert told["status"] == status, said
    else:
        # What is no HTTP the server refuses by itself, or hangs up.
        assert request.framing or not all(value.isprintable() for _, value in request.headers), said
        assert (status, body) in ((400, b""), (0, b"")), said


@pytest.mark.slow
def test_a_thousand_malformed_requests_end_in_problem_documents_and_change_nothing(surface: Surface) -> None:
    random = Random(5)
    before = surface.standing()
    for _ in range(1_000):
        target = random.choice(surface.targets)
        request = malformed(random, target, key=surface.key)
        check(target, request, *surface.send(request))
    assert surface.standing() == before
