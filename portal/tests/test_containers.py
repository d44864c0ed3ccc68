"""The parts by themselves, and that compose.yaml starts them as `make run` does."""

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from portal.home import BASE_DIR
from portal.run import checks, part
from portal.run.config import Config
from portal.run.parts import parts
from portal.run.problem import Problem

COMPOSE: dict[str, Any] = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("prepare", "web", "worker", "beat", "voices")


class Became(Exception):
    """What this process would be now."""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    def instead(path: str, command: list[str], environment: dict[str, str]) -> NoReturn:
        raise Became(path, command, environment)

    monkeypatch.setattr(os, "execve", instead)
    monkeypatch.setattr(checks, "services_reachable", lambda _config: None)
    return Config(
        home=tmp_path,
        host="0.0.0.0",
        port=8000,
        database_url="postgresql://purser@database/purser",
        redis_url="redis://redis/0",
        broker_url="redis://redis/1",
        demo=False,
        site_url="https://billing.example.com",
        workers=2,
        threads=4,
    )


@pytest.mark.parametrize("name", ["web", "worker", "beat", "voices"])
def test_a_part_alone_is_called_as_among_all(config: Config, name: str) -> None:
    with pytest.raises(Became) as became:
        part.become([name], config)
    path, command, environment = became.value.args
    (child,) = [child for child in parts(config) if child.name == name]
    assert path == sys.executable
    assert command == list(child.command)
    assert environment["PURSER_HOME"] == str(config.home)


@pytest.mark.parametrize("arguments", [["database"], ["web", "worker"], ["--help"]])
def test_parts_that_do_not_exist(config: Config, arguments: list[str]) -> None:
    with pytest.raises(Problem, match="name one of web, worker, beat, voices"):
        part.become(arguments, config)


def test_a_part_alone_needs_a_database(config: Config) -> None:
    with pytest.raises(Problem, match="set DATABASE_URL"):
        part.become(["web"], replace(config, database_url=""))


def test_compose_starts_what_make_run_starts() -> None:
    assert SERVICES["prepare"]["command"] == ["python", "manage.py", "prepare"]
    for name in ("web", "worker", "beat", "voices"):
        assert SERVICES[name]["command"] == ["python", "-m", "portal.run", name]
        assert SERVICES[name]["depends_on"]["prepare"]["condition"] == "service_completed_successfully"
    assert "replicas" not in str(SERVICES["beat"])  # exactly one


def test_parts_share_their_secrets_and_files() -> None:
    homes = {name: SERVICES[name]["volumes"] for name in OURS}
    assert all(volumes == ["home:/var/lib/purser"] for volumes in homes.values()), homes
    assert "PURSER_HOME=/var/lib/purser" in (BASE_DIR / "Dockerfile").read_text()


def test_every_variable_is_in_the_readme() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)`", (BASE_DIR / "README.md").read_text(), re.MULTILINE))
    for name in OURS:
        assert set(SERVICES[name]["environment"]) <= documented


def test_only_this_machine_reaches_the_portal_and_nobody_the_database() -> None:
    assert SERVICES["web"]["ports"] == ["127.0.0.1:8000:8000"]
    assert not any("ports" in SERVICES[name] for name in SERVICES if name != "web")


def test_the_images_own_nothing_that_they_need_not() -> None:
    lines = (BASE_DIR / "Dockerfile").read_text().splitlines()
    assert any(line.startswith("USER ") and line != "USER root" for line in lines)
    ignored = (BASE_DIR / ".dockerignore").read_text().split()
    assert {".git", ".venv", "var"} <= set(ignored)
    assert "docs" not in ignored  # pages show docs/integrations
