"""The embedded server: shared by its users, gone after the last one, one per home."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from portal.embedded import EmbeddedError, ensure_running, places
from portal.embedded.places import SOCKET_PATH_MAX
from portal.home import BASE_DIR
from portal.testing.homes import temporary_home


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Path]:
    with temporary_home() as home:
        yield home


def ask(conninfo: str, question: str) -> object:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
    return row[0]


def test_starts_with_a_database_and_stops_after_its_only_user(shared_home: Path) -> None:
    with ensure_running(shared_home) as share:
        conninfo = share.server.conninfo()
        assert ask(conninfo, "SELECT current_database()") == "purser"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo)
    assert not (places(shared_home).data / "postmaster.pid").exists()


def test_runs_until_the_last_of_two_users_leaves(shared_home: Path) -> None:
    first = ensure_running(shared_home)
    second = ensure_running(shared_home)
    first.close()
    assert ask(second.server.conninfo(), "SELECT 1") == 1
    second.close()
    assert not second.server.answers()


def test_a_killed_user_gives_its_share_back(shared_home: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from portal.embedded import ensure_running;"
        "share = ensure_running(Path(sys.argv[1])); print('up', flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(shared_home)], cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    assert killed.stdout == "up\n"
    share = ensure_running(shared_home)
    assert ask(share.server.conninfo(), "SELECT 1") == 1
    share.close()
    assert not share.server.answers()


def test_data_survives_a_server_that_was_killed(shared_home: Path) -> None:
    with ensure_running(shared_home) as share, psycopg.connect(share.server.conninfo()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.commit()
        postmaster = int((share.server.places.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(postmaster, 9)
        with ensure_running(shared_home) as again:
            assert ask(again.server.conninfo(), "SELECT answer FROM kept") == 42


def test_money_is_written_through_and_nothing_listens_on_the_network(shared_home: Path) -> None:
    with ensure_running(shared_home) as share:
        settings = {
            name: ask(share.server.conninfo(), f"SHOW {name}")
            for name in ("fsync", "synchronous_commit", "listen_addresses", "idle_in_transaction_session_timeout")
        }
    assert settings == {
        "fsync": "on",
        "synchronous_commit": "on",
        "listen_addresses": "",
        "idle_in_transaction_session_timeout": "1min",
    }
    assert (places(shared_home).base.stat().st_mode & 0o777) == 0o700


def test_a_deep_home_gets_a_short_socket_directory() -> None:
    with temporary_home() as home:
        deep = home / ("deep" * 20) / ("deeper" * 10)
        assert len(str(deep)) > SOCKET_PATH_MAX
        with ensure_running(deep, durable=False) as share:
            assert ask(share.server.conninfo(), "SELECT 1") == 1
            assert share.server.places.socket_dir.parent == Path("/tmp")
        shutil.rmtree(share.server.places.socket_dir)


def test_data_of_another_major_version_is_refused_in_one_line(shared_home: Path) -> None:
    with ensure_running(shared_home):
        pass
    version = places(shared_home).data / "PG_VERSION"
    kept = version.read_text()
    try:
        version.write_text("16\n")
        with pytest.raises(EmbeddedError, match="was made by PostgreSQL 16"):
            ensure_running(shared_home)
    finally:
        version.write_text(kept)


def test_a_home_that_cannot_be_made_is_one_line() -> None:
    with tempfile.NamedTemporaryFile() as file, pytest.raises(EmbeddedError, match="cannot write to"):
        ensure_running(Path(file.name) / "home")


@pytest.mark.parametrize("name", ["PGHOST", "PGPORT", "PGUSER"])
def test_variables_of_the_shell_do_not_redirect_it(
    shared_home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    with ensure_running(shared_home) as share:
        assert ask(share.server.conninfo(), "SELECT 1") == 1
