"""What a new installation holds, made once for all test processes of this working copy and copied from then on.

`var/test/ready/<digest>/` keeps the data of a stopped embedded server with two databases: `ready`, which is migrated,
and `purser`, which is prepared like a first start without the demo; beside it the collected static files.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from portal.embedded import Share, ensure_running, places
from portal.embedded.ground import prepare
from portal.embedded.server import DATABASE, Server
from portal.home import BASE_DIR
from portal.testing.homes import temporary_home
from portal.testing.processes import run_environment

KEPT = BASE_DIR / "var" / "test" / "ready"
MIGRATED = "ready"
# What a new database holds is made by these.
SOURCES = (
    *("requirements.txt", "constraints.txt", "accounts/migrations/*.py", "billing/**/*migrations/*.py"),
    *("billing/**/shipped.py", "billing/*/apps.py", "billing/pricing/*.py", "billing/pricing/data/*"),
    *("accounts/staff.py", "accounts/tables.py", "portal/apps.py", "portal/admin/roles.py"),
)


@dataclass(frozen=True)
class Prepared:
    """A database on a server of its own, and the home of the processes that use it."""

    home: Path
    url: str


@contextmanager
def prepared() -> Iterator[Prepared]:
    """As `manage.py prepare` leaves an installation that has no demo; gone afterwards."""
    with temporary_home() as base:
        adopt(base)
        with ensure_running(base, durable=False) as share, temporary_home() as home:
            _copy(ready() / "static", home / "static")
            yield Prepared(home, url_of(share))


def url_of(share: Share) -> str:
    """The DATABASE_URL of an embedded server."""
    return f"postgresql://postgres@{quote(str(share.server.places.socket_dir), safe='')}:5432/{DATABASE}"


def adopt(home: Path) -> None:
    """Give the embedded server of `home` the kept data in place of its own; not while it runs."""
    with _locked(home / "locks" / "ready.lock"):
        where = places(home)
        if is_ready(home) or Server(where).answers():
            return
        prepare(where)
        shutil.rmtree(where.data, ignore_errors=True)
        _copy(ready() / "data", where.data)


def is_ready(home: Path) -> bool:
    """Whether its server has the kept databases, of today's migrations."""
    mark = places(home).data / MIGRATED
    return mark.exists() and mark.read_text() == _digest()


def ready() -> Path:
    """The directory described above, made now if it is not there."""
    target = KEPT / _digest()
    with _locked(KEPT / "lock"):
        if not target.exists():
            for old in KEPT.glob("*/"):
                shutil.rmtree(old)
            draft = KEPT / "draft"
            _make(draft)
            draft.rename(target)
    return target


def _make(target: Path) -> None:
    with temporary_home() as home:
        with ensure_running(home, durable=False) as share:
            environment = run_environment(home, 0, DATABASE_URL=url_of(share))
            _manage(environment, "migrate", "--verbosity=0")
            with psycopg.connect(share.server.conninfo("postgres"), autocommit=True) as connection:
                names = sql.Identifier(MIGRATED), sql.Identifier(DATABASE)
                connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
            _manage(environment, "prepare")
        (places(home).data / MIGRATED).write_text(_digest())
        target.mkdir(parents=True)
        _copy(places(home).data, target / "data")
        _copy(home / "static", target / "static")


def _manage(environment: dict[str, str], *words: str) -> None:
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _copy(source: Path, target: Path) -> None:
    """With owners: as root the server has a user of its own."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


@cache
def _digest() -> str:
    digest = hashlib.sha256()
    for file in sorted({file for pattern in SOURCES for file in BASE_DIR.glob(pattern)}):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
