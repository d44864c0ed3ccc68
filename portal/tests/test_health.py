"""What machines ask: alive, ready, and how much work waits."""

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from billing.foundation.outbox.models import OutboxMessage


@pytest.fixture
def client() -> Client:
    return Client()


def test_healthz_needs_no_database_and_no_known_host(client: Client) -> None:
    response = client.get("/healthz", headers={"host": "10.1.2.3:8000"})
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}
    assert response.headers["Cache-Control"] == "no-store"


def test_health_is_not_redirected_to_tls(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").status_code == 200


def test_readyz_names_its_parts(client: Client, db: None) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "migrations": "ok", "broker": "ok"}


def test_readyz_says_when_the_database_is_gone(client: Client, db: None) -> None:
    with connection.execute_wrapper(_gone):
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["database"] == "unreachable"


def _gone(*arguments: object) -> None:
    from django.db import OperationalError

    raise OperationalError("gone")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_is_read_only(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_metrics_tell_the_outbox_and_the_ledger_from_this_machine(client: Client, db: None) -> None:
    OutboxMessage.objects.create(to=["alice@example.com"], subject="Hello", text="Hello", status="queued")
    response = client.get("/metrics")
    assert response.status_code == 200
    text = response.content.decode()
    assert "purser_outbox_queued 1.0" in text
    assert "purser_ledger_transfers_total 0.0" in text
    assert 'purser_due_lag_seconds{job="' in text
    assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize(
    "request_of",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=192.0.2.7"},
    ],
)
def test_metrics_do_not_exist_for_others(client: Client, request_of: dict[str, str]) -> None:
    assert client.get("/metrics", **request_of).status_code == 404  # type: ignore[arg-type]


def test_metrics_behind_a_proxy_need_the_token(client: Client, db: None, settings: Settings) -> None:
    settings.BEHIND_PROXY = True
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "open sesame"
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 404
    answer = client.get("/metrics", headers={"authorization": "Bearer open sesame", "x-forwarded-for": "192.0.2.7"})
    assert answer.status_code == 200
