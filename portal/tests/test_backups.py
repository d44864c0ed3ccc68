"""A backup puts everything back: on the embedded database, and on a server of one's own."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from portal.backups.restore import portable
from portal.embedded import ensure_running, places
from portal.embedded.server import Server
from portal.home import BASE_DIR
from portal.testing.homes import temporary_home
from portal.testing.processes import run_environment
from portal.testing.ready import adopt

ACME = ("Acme", 12_500_000_000)


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


def done(home: Path, *arguments: str, **extra: str) -> str:
    result = manage(home, *arguments, **extra)
    assert result.returncode == 0, result.stderr
    return result.stdout


def make_customer(home: Path, name: str, **extra: str) -> None:
    email = f"{name.lower()}@example.com"
    done(home, "workspace_create", "--name", name, "--owner-email", email, "--credits", "12.5", "--json", **extra)


def customers(database: Path | str) -> list[tuple[str, int]]:
    """Names and balances of an embedded home or of a database URL."""
    conninfo = database if isinstance(database, str) else Server(places(database)).conninfo()
    question = "SELECT name, available FROM accounts_workspace w JOIN ledger_wallet ON workspace_id = w.id ORDER BY 1"
    with psycopg.connect(conninfo) as connection:
        return connection.execute(question).fetchall()


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """An installation with one customer, whose database is kept running between the commands."""
    with temporary_home() as directory:
        adopt(directory)
        with ensure_running(directory, durable=False):
            make_customer(directory, "Acme")
            yield directory


@pytest.fixture(scope="module")
def backup(home: Path) -> Path:
    return Path(json.loads(done(home, "backup", "--json"))["file"])


@pytest.fixture
def server() -> Iterator[str]:
    """An empty database that is not embedded: on the tests' own server if they were given one."""
    given = os.environ.get("DATABASE_URL")
    if given is None:
        with temporary_home() as directory, ensure_running(directory, durable=False) as share:
            yield f"postgresql://postgres@{quote(str(share.server.places.socket_dir), safe='')}:5432/purser"
        return
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
    make_customer(home, "Later")
    before = customers(home)
    told = json.loads(done(home, "restore", str(backup), "--json"))
    assert customers(home) == [ACME]
    done(home, "verify_ledger")
    done(home, "restore", told["kept"])
    assert customers(home) == before
    done(home, "restore", str(backup))


def test_restoring_into_a_new_home_brings_the_secrets_along(home: Path, backup: Path) -> None:
    with temporary_home() as other, ensure_running(other, durable=False):
        assert "Restored" in done(other, "restore", str(backup))
        assert customers(other) == [ACME]
        key = "secrets/django-secret-key"
        assert (other / key).read_text() == (home / key).read_text()
        assert (other / key).stat().st_mode & 0o077 == 0


def test_a_trial_moves_to_a_server_and_back(home: Path, backup: Path, server: str) -> None:
    with temporary_home() as other:
        done(other, "restore", str(backup), DATABASE_URL=server)
        assert customers(server) == [ACME]
        make_customer(other, "Server", DATABASE_URL=server)
        done(other, "verify_ledger", DATABASE_URL=server)
        back = json.loads(done(other, "backup", "--json", DATABASE_URL=server))["file"]
        done(home, "restore", back)
    assert customers(home) == [ACME, ("Server", 12_500_000_000)]
    done(home, "restore", str(backup))


def test_a_restore_that_fails_changes_nothing(home: Path, backup: Path, tmp_path: Path) -> None:
    with tarfile.open(backup) as archive:
        archive.extractall(tmp_path, filter="data")
    dump = tmp_path / "database.dump"
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])
    broken = tmp_path / "broken.tar"
    with tarfile.open(broken, "w") as archive:
        archive.add(tmp_path / "manifest.json", "manifest.json")
        archive.add(dump, "database.dump")
    refused = manage(home, "restore", str(broken))
    assert refused.returncode == 1
    assert customers(home) == [ACME]


def test_what_is_no_backup_or_too_new_is_refused(home: Path, tmp_path: Path) -> None:
    text = tmp_path / "letter.tar"
    text.write_text("Dear Sir or Madam")
    assert "cannot read" in manage(home, "restore", str(text)).stderr
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"format": 1, "migrations": ["ledger.9999_from_the_future"]}))
    newer = tmp_path / "newer.tar"
    with tarfile.open(newer, "w") as archive:
        archive.add(manifest, "manifest.json")
    refused = manage(home, "restore", str(newer))
    assert refused.returncode == 1
    assert "another version" in refused.stderr


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
