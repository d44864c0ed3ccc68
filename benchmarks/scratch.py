"""A scratch database, and the web server on it."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def database() -> Iterator[str]:
    """A new database on the server of DATABASE_URL, or on an embedded one; its URL. Dropped at the end."""
    with ExitStack() as stack:
        server = os.environ.get("DATABASE_URL") or stack.enter_context(_embedded())
        name = f"purser_bench_{os.getpid()}"
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            with psycopg.connect(server, autocommit=True) as admin:
                admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def _embedded() -> Iterator[str]:
    from portal.embedded import ensure_running, places

    home = ROOT / "var" / "bench"
    with ensure_running(home):
        yield f"postgres://postgres@{quote(str(places(home).socket_dir), safe='')}:5432/postgres"


@contextmanager
def web(database_url: str, *, workers: int, threads: int) -> Iterator[int]:
    """granian with the portal's own application on a free port of the loopback; the port."""
    port = _free_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(workers), "--blocking-threads", str(threads)),
        *("--log-level", "warning", "portal.wsgi:application"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"DATABASE_URL": database_url})
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(150):
        if process.poll() is not None:
            raise SystemExit("bench: the web server did not start")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/openapi.json", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit("bench: the web server does not answer")
