"""Malformed requests to every POST and PUT route: always a problem document, never a charge."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from random import Random
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction

from accounts.models import PortalLink, User, Workspace
from accounts.scopes import KeyKind, Scope
from accounts.services.keys import api_key_create
from billing.api.openapi import document
from billing.api.problems import CODES
from billing.credits.units import NANO
from billing.ledger.models import Hold, HoldResolution, Operation, Wallet
from billing.ledger.services import credits_grant
from billing.metering.models import UsageEvent
from billing.plans.models import Resource
from billing.pricing.testing import import_demo_prices
from portal.standin_usdc.pay import header_of, payment_of
from portal.testing.malformed import Request, Target, malformed
from portal.testing.simulated import SimulatedStripe
from portal.testing.simulated_usdc import SimulatedUsdc
from portal.testing.targets import ASKED, targets

pytestmark = pytest.mark.django_db


class Surface:
    """The portal as its web server calls it, with a key of the operator's backend."""

    def __init__(self, workspace: Workspace) -> None:
        _, self.key = api_key_create(kind=KeyKind.SERVICE, workspace=None, name="test", scopes=list(Scope))
        self.handler = WSGIHandler()
        asked = Request(
            "/api/v1/usage/authorize",
            (
                ("Authorization", f"Bearer {self.key}"),
                ("Purser-Workspace", workspace.public_id),
                ("Content-Type", "application/json"),
            ),
            json.dumps(ASKED).encode(),
        )
        _, _, placed = self.send(asked)
        self.targets = targets(
            workspace=workspace.public_id, hold=json.loads(placed)["hold"], member="alice@example.com"
        )

    def send(self, request: Request) -> tuple[int, str, bytes]:
        """Status, content type and body of the answer."""
        told: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            told.update(status=int(status[:3]), kind=dict(headers).get("Content-Type", ""))

        answer = self.handler(environ(request), start)  # type: ignore[arg-type]
        try:
            return told["status"], told["kind"], b"".join(answer)
        finally:
            answer.close()


def environ(request: Request) -> dict[str, Any]:
    """As PEP 3333 has it: bytes of headers as Latin-1, equal names joined."""
    found: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": "",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.input": BytesIO(request.body),
        "wsgi.url_scheme": "http",
        "wsgi.errors": BytesIO(),
    }
    seen: set[str] = set()
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        text = value.encode().decode("latin-1")
        found[key] = f"{found[key]},{text}" if key in seen else text
        seen.add(key)
    if "HTTP_TRANSFER_ENCODING" in seen:
        del found["CONTENT_LENGTH"]
    return found


def standing() -> list[Any]:
    """All that a request could have changed."""
    kept = (UsageEvent, Operation, Hold, HoldResolution, Workspace, User, PortalLink, Resource)
    return [*Wallet.objects.order_by("pk").values(), *(model.objects.count() for model in kept)]


@pytest.fixture
def one_connection() -> Iterator[None]:
    """The test's own stays open between requests, as Django's test client keeps it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def surface(workspace: Workspace, one_connection: None, simulated_usdc: SimulatedUsdc) -> Surface:
    import_demo_prices()
    credits_grant(workspace_id=workspace.pk, key="opening", amount=1_000 * NANO, label="Opening credits")
    return Surface(workspace)


def check(target: Target, request: Request, status: int, kind: str, body: bytes) -> None:
    said = (target.path, request.broken, request.headers, request.body[:300], status, body[:300])
    if target.batch and status == 200:
        told = json.loads(body)
        assert (told["accepted"], told["duplicates"]) == (0, 0), said
        assert len(told["rejected"]) == 1, said
        return
    assert 400 <= status < 500, said
    assert kind == "application/problem+json", said
    problem = json.loads(body)
    assert problem["status"] == status, said
    assert problem["code"] in CODES, said
    assert problem["code"] != "payment_required", said  # what is broken is said before a payment is asked for


def test_every_route_with_a_body_is_among_the_targets(surface: Surface) -> None:
    known = {(each.method, re.sub(r"/(hold_\w+|ws_\w+|never)(/|$)", r"/{}\2", each.path)) for each in surface.targets}
    routes = {
        (method.upper(), re.sub(r"{\w+}", "{}", path))
        for path, methods in document()["paths"].items()
        for method in methods.keys() & {"post", "put", "patch"}
    }
    assert known == routes


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 200), *(pytest.param(seed, 1_000, marks=pytest.mark.slow) for seed in (2, 3, 4))]
)
def test_malformed_requests_end_in_problem_documents_and_change_nothing(
    surface: Surface, seed: int, count: int
) -> None:
    random = Random(seed)
    before = standing()
    for _ in range(count):
        target = random.choice(surface.targets)
        request = malformed(random, target, key=surface.key)
        check(target, request, *surface.send(request))
    assert standing() == before


def test_a_body_that_ends_before_its_length_is_refused_although_it_is_json(surface: Surface) -> None:
    target = surface.targets[0]
    headers = (("Authorization", f"Bearer {surface.key}"), ("Content-Type", "application/json"), *target.headers)
    body = json.dumps(target.good).encode()
    sent = Request(target.path, (*headers, ("Content-Length", str(len(body) + 1))), body)
    status, _, answer = surface.send(sent)
    assert (status, json.loads(answer)["code"]) == (400, "invalid_request")
    assert not UsageEvent.objects.exists()


def test_the_good_requests_are_good(surface: Surface, simulated: SimulatedStripe) -> None:
    """Else nothing above would have been refused for what is broken in it."""
    for target in surface.targets:
        headers = (("Authorization", f"Bearer {surface.key}"), ("Content-Type", target.content_type), *target.headers)
        with transaction.atomic():
            connection.atomic_blocks[-1]._from_testcase = True  # requests are in no transaction that they could see
            good = Request(target.path, headers, json.dumps(target.good).encode(), method=target.method)
            status, _, body = surface.send(good)
            if status == 402:
                payment = header_of(payment_of(json.loads(body)["accepts"][0], 1))
                paid = replace(good, headers=(*good.headers, ("X-PAYMENT", payment)))
                status, _, body = surface.send(paid)
            transaction.set_rollback(True)
        assert status in (200, 201), (target.path, body)
