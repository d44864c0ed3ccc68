"""What must be true before anything starts; each failure is one line."""

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from portal.run.config import Config
from portal.run.problem import Problem

OLDEST_POSTGRES = 15
PATIENCE = 5  # seconds to answer


def home_writable(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise Problem(f"cannot write to PURSER_HOME {home}: {error.strerror}") from error


def port_free(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise Problem(f"HOST {host} is no address of this machine: {error.strerror}") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that just ended do not count
        try:
            probe.bind(address)
        except OSError as error:
            raise Problem(f"port {port} on {host} is taken ({error.strerror}): set PORT to another one") from error


def services_reachable(config: Config) -> None:
    if config.database_url:
        database_reachable(config.database_url)
    if config.redis_url:
        redis_reachable(config.redis_url)
    if config.broker_url:
        broker_reachable(config.broker_url)


def database_reachable(url: str) -> None:
    import dj_database_url
    import psycopg

    try:
        settings = dj_database_url.parse(url)
    except ValueError as error:
        raise Problem("DATABASE_URL is not understood: use postgresql://user:password@host:5432/name") from error
    if not settings.get("ENGINE", "").endswith("postgresql"):
        raise Problem("DATABASE_URL must name a PostgreSQL database: postgresql://user:password@host:5432/name")
    given: dict[str, Any] = dict(settings)
    options = dict(given.get("OPTIONS", {}))
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    options |= {name: given[key] for key, name in names.items() if given.get(key)}
    try:
        with psycopg.connect(**options | {"connect_timeout": PATIENCE}) as connection:
            major = connection.info.server_version // 10_000
    except psycopg.Error as error:
        raise Problem(f"DATABASE_URL cannot be reached: {_one_line(error)}") from error
    if major < OLDEST_POSTGRES:
        raise Problem(f"DATABASE_URL leads to PostgreSQL {major}; {OLDEST_POSTGRES} or newer is needed")


def redis_reachable(url: str) -> None:
    import redis

    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE)
        client.ping()
        client.close()
    except (redis.RedisError, ValueError, OSError) as error:
        raise Problem(f"REDIS_URL cannot be reached: {_one_line(error)}") from error


def broker_reachable(url: str, options: dict[str, Any] | None = None) -> None:
    """`options`: those of the transport (CELERY_BROKER_TRANSPORT_OPTIONS)."""
    from kombu.connection import Connection

    try:
        with Connection(url, connect_timeout=PATIENCE, transport_options=options or {}) as connection:
            connection.ensure_connection(max_retries=1, timeout=PATIENCE)
    except Exception as error:  # whatever the transport raises
        raise Problem(f"CELERY_BROKER_URL cannot be reached: {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def same_home_runs(home: Path) -> int:
    """Take the home for this process; returns the lock's descriptor, kept open until we end."""
    import fcntl

    locks = home / "locks"
    locks.mkdir(exist_ok=True)
    descriptor = os.open(locks / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 200, 0).decode().strip()
        raise Problem(f"Purser already runs with PURSER_HOME {home} ({holder})") from error
    return descriptor
