"""What keeps `make run` from starting is one clear line, and exit code 1."""

import tempfile
from pathlib import Path

import pytest

from portal.testing.homes import temporary_home
from portal.testing.processes import free_port, one_line, run_environment, run_to_end


def refusal(home: Path, **extra: str) -> str:
    refused = run_to_end(run_environment(home, free_port(), **extra))
    assert refused.returncode == 1
    return one_line(refused.stderr)


def test_a_home_that_cannot_be_written() -> None:
    with tempfile.NamedTemporaryFile() as file:
        line = refusal(Path(file.name) / "home")
    assert line.startswith(f"purser: cannot write to PURSER_HOME {file.name}/home")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://purser:secret@127.0.0.1:1/purser", "DATABASE_URL cannot be reached"),
        ("sqlite:///db.sqlite3", "DATABASE_URL must name a PostgreSQL database"),
        ("nonsense", "DATABASE_URL is not understood"),
    ],
)
def test_a_database_that_cannot_be_used(url: str, told: str) -> None:
    with temporary_home() as home:
        line = refusal(home, DATABASE_URL=url)
    assert told in line
    assert "secret" not in line


def test_a_redis_that_cannot_be_reached() -> None:
    with temporary_home() as home:
        assert "REDIS_URL cannot be reached" in refusal(home, REDIS_URL="redis://127.0.0.1:1/0")


def test_a_broker_that_cannot_be_reached() -> None:
    with temporary_home() as home:
        line = refusal(home, CELERY_BROKER_URL="amqp://guest:guest@127.0.0.1:1//")
    assert "CELERY_BROKER_URL cannot be reached" in line


@pytest.mark.parametrize("port", ["0", "65536", "eight", "-1"])
def test_a_port_that_is_none(port: str) -> None:
    with temporary_home() as home:
        assert "PORT must be a number from 1 to 65535" in refusal(home, PORT=port)


def test_the_demo_on_a_public_address() -> None:
    with temporary_home() as home:
        assert "set PURSER_DEMO=0" in refusal(home, HOST="0.0.0.0")
        assert list(home.iterdir()) == []


def test_a_live_key_in_the_demo() -> None:
    with temporary_home() as home:
        assert "set PURSER_DEMO=0" in refusal(home, STRIPE_SECRET_KEY="sk_live_" + "a" * 24)
        assert list(home.iterdir()) == []
