"""A backup puts everything back: on the embedded database, and on a server of one's own."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from psycopg import sql

from portal.backups.restore import portable
from portal.embedded import ensure_running, places
from portal.embedded.server import Server
from portal.home import BASE_DIR
from portal.testing.homes import temporary_home
from portal.testing.processes import run_environment
from portal.testing.ready import adopt

ACME, LATER = ("Acme", 12_500_000_000), ("Later", 12_500_000_000)


def manage(home: Path, *arguments: str, **extra: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=run_environment(home, 8000, PURSER_DEMO="0", **extra),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


ONE_AFTER_ANOTHER = """
import io, json
from django.core.management import call_command
told = [io.StringIO() for _ in {commands}]
for words, out in zip({commands}, told):
    call_command(*words, stdout=out)
print(json.dumps([out.getvalue() for out in told]))
"""


def done(home: Path, *commands: tuple[str, ...], **extra: str) -> list[str]:
    """What each of them prints, all in one process: to load it takes longer than most of them do."""
    code = ONE_AFTER_ANOTHER.format(commands=commands)
    result = manage(home, "shell", "--no-imports", "-c", code, **extra)
    assert result.returncode == 0, result.stderr
    told: list[str] = json.loads(result.stdout.splitlines()[-1])
    return told


def new_customer(name: str) -> tuple[str, ...]:
    email = f"{name.lower()}@example.com"
    return ("workspace_create", "--name", name, "--owner-email", email, "--credits", "12.5")


def customers(database: Path | str) -> list[tuple[str, int]]:
    """Names and balances of an embedded home or of a database URL."""
    conninfo = database if isinstance(database, str) else Server(places(database)).conninfo()
    question = "SELECT name, available FROM accounts_workspace w JOIN ledger_wallet ON workspace_id = w.id ORDER BY 1"
    with psycopg.connect(conninfo) as connection:
        return connection.execute(question).fetchall()


@dataclass(frozen=True)
class Installation:
    """Its database is kept running between the commands."""

    home: Path
    backup: Path


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """With two customers and a backup from when there was one."""
    with temporary_home() as directory:
        adopt(directory)
        with ensure_running(directory, durable=False):
            _, told, _ = done(directory, new_customer("Acme"), ("backup", "--json"), new_customer("Later"))
            yield Installation(directory, Path(json.loads(told)["file"]))


@pytest.fixture
def home(installation: Installation) -> Path:
    return installation.home


@pytest.fixture
def backup(installation: Installation) -> Path:
    return installation.backup


@pytest.fixture
def server(home: Path) -> Iterator[str]:
    """An empty database that is told by its URL: on the tests' own server if they were given one."""
    given = os.environ.get("DATABASE_URL")
    socket = quote(str(places(home).socket_dir), safe="")
    given = given or f"postgresql://postgres@{socket}:5432/postgres"
    name = f"purser_restore_{uuid4().hex[:8]}"
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield given.rpartition("/")[0] + f"/{name}"
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_a_backup_is_one_private_file(home: Path, backup: Path) -> None:
    assert backup.parent == home / "backups"
    assert backup.stat().st_mode & 0o077 == 0
    with tarfile.open(backup) as archive:
        names = archive.getnames()
    assert {"manifest.json", "database.dump", "secrets/django-secret-key"} <= set(names)
    assert list(home.glob("backups/.*")) == []


def test_restoring_brings_back_what_was_and_keeps_what_is(home: Path, backup: Path) -> None:
    assert customers(home) == [ACME, LATER]
    told, _ = done(home, ("restore", str(backup), "--json"), ("verify_ledger",))
    assert customers(home) == [ACME]
    done(home, ("restore", json.loads(told)["kept"]))
    assert customers(home) == [ACME, LATER]


def test_restoring_into_a_new_home_brings_the_secrets_along(home: Path, backup: Path) -> None:
    with temporary_home() as other, ensure_running(other, durable=False):
        assert "Restored" in manage(other, "restore", str(backup)).stdout
        assert customers(other) == [ACME]
        key = "secrets/django-secret-key"
        assert (other / key).read_text() == (home / key).read_text()
        assert (other / key).stat().st_mode & 0o077 == 0


def test_a_trial_moves_to_a_server_and_back(home: Path, backup: Path, server: str) -> None:
    with temporary_home() as other:
        done(other, ("restore", str(backup)), DATABASE_URL=server)
        assert customers(server) == [ACME]
        _, _, told = done(other, new_customer("Server"), ("verify_ledger",), ("backup", "--json"), DATABASE_URL=server)
        done(home, ("restore", json.loads(told)["file"]))
    assert customers(home) == [ACME, ("Server", 12_500_000_000)]


def test_a_restore_that_fails_changes_nothing(home: Path, backup: Path, tmp_path: Path) -> None:
    with tarfile.open(backup) as archive:
        archive.extractall(tmp_path, filter="data")
    dump = tmp_path / "database.dump"
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])
    broken = tmp_path / "broken.tar"
    with tarfile.open(broken, "w") as archive:
        archive.add(tmp_path / "manifest.json", "manifest.json")
        archive.add(dump, "database.dump")
    before = customers(home)
    refused = manage(home, "restore", str(broken))
    assert refused.returncode == 1
    assert customers(home) == before
    assert ACME in before


def test_what_is_no_backup_or_too_new_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "letter.tar"
    text.write_text("Dear Sir or Madam")
    with pytest.raises(CommandError, match="cannot read"):
        call_command("restore", str(text))
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"format": 1, "migrations": ["ledger.9999_from_the_future"]}))
    newer = tmp_path / "newer.tar"
    with tarfile.open(newer, "w") as archive:
        archive.add(manifest, "manifest.json")
    with pytest.raises(CommandError, match="another version"):
        call_command("restore", str(newer))


def test_a_backup_that_cannot_be_written_is_one_line(home: Path) -> None:
    refused = manage(home, "backup", "/proc/nowhere/purser.tar")
    assert refused.returncode == 1
    assert "cannot write" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_only_what_other_servers_do_not_know_is_left_out_and_never_data() -> None:
    script = [
        b"SET statement_timeout = 0;\n",
        b"SET transaction_timeout = 0;\n",
        b'ALTER TABLE ONLY public.note ALTER COLUMN "text" SET (pg_attver=12);\n',
        b"ALTER TABLE ONLY public.note ALTER COLUMN text SET NOT NULL;\n",
        b"COPY public.note (text) FROM stdin;\n",
        b"SET transaction_timeout = 0;\n",
        b"\\.\n",
        b"SET transaction_timeout = 0;\n",
    ]
    assert list(portable(script)) == [script[0], *script[3:7]]
