import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client
from django.test.client import ClientHandler

from accounts.models import Workspace
from accounts.scopes import WORKSPACE_SCOPES, KeyKind, Scope
from accounts.services.keys import api_key_create
from billing.api import shortway
from billing.api.ratelimit import limiter
from billing.credits.units import NANO
from billing.ledger.services import credits_grant
from billing.pricing.testing import import_demo_prices


class Answer:
    """A response, with its JSON read exactly."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self.content = b"".join(response.streaming_content) if response.streaming else response.content
        self.kind = response.headers.get("Content-Type", "")
        self.json: Any = json.loads(self.content, parse_float=Decimal) if self.kind.endswith("json") else None


class AsServed(ClientHandler):
    """What `portal.wsgi` does: the short way where it is open, else Django's."""

    def __call__(self, environ: dict[str, Any]) -> Any:
        response: Any = shortway.answer(environ)
        if response is None:
            return super().__call__(environ)
        response.wsgi_request = WSGIRequest(environ)  # what the client looks at
        return response


class Api:
    """The HTTP API as one key's owner sees it. `served` False: past the short way, always."""

    def __init__(self, key: str = "", *, served: bool = True, **headers: str) -> None:
        self.key = key
        self.client = Client()
        if served:
            self.client.handler = AsServed()
        self.headers = ({"Authorization": f"Bearer {key}"} if key else {}) | headers

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Answer:
        return Answer(self.client.get(path, query, headers=self.headers | headers))

    def post(self, path: str, body: Any, content_type: str = "application/json", **headers: str) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body)
        return Answer(self.client.post(path, data, content_type=content_type, headers=self.headers | headers))

    def put(self, path: str, body: Any, content_type: str = "application/json", **headers: str) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body)
        return Answer(self.client.put(path, data, content_type=content_type, headers=self.headers | headers))

    def delete(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Answer:
        asked = f"{path}?{urlencode(query)}" if query else path
        return Answer(self.client.delete(asked, headers=self.headers | headers))


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    limiter.forget()


@pytest.fixture
def prices(db: None) -> None:
    import_demo_prices()


@pytest.fixture
def funded(workspace: Workspace, prices: None) -> Workspace:
    """Northwind AI with 12,404 credits."""
    credits_grant(workspace_id=workspace.pk, key="opening", amount=12_404 * NANO, label="Opening credits")
    return workspace


def key_of(workspace: Workspace | None, *scopes: str, **fields: Any) -> str:
    kind = KeyKind.WORKSPACE if workspace else KeyKind.SERVICE
    every = WORKSPACE_SCOPES if workspace else list(Scope)
    _, plain = api_key_create(kind=kind, workspace=workspace, name="test", scopes=scopes or every, **fields)
    return plain


@pytest.fixture
def api(funded: Workspace) -> Api:
    """The operator's backend, acting for Northwind AI."""
    return Api(key_of(None), **{"Purser-Workspace": funded.public_id})


@pytest.fixture
def customer(funded: Workspace) -> Api:
    """Northwind AI's own key, which may record usage."""
    funded.usage_write_allowed = True
    funded.save(update_fields=["usage_write_allowed"])
    return Api(key_of(funded))


def usage_event(event_id: str = "req_8f", **changes: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "model": "openai/gpt-4o-mini",
        "usage": {"input_tokens": 1200, "output_tokens": 300},
    } | changes
