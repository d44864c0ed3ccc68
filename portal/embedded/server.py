"""Initialises, starts and stops the embedded server. Callers hold the start lock (share.py)."""

import contextlib
import shutil
import time

import psutil
import psycopg
from psycopg import sql

from portal.embedded.errors import EmbeddedError
from portal.embedded.ground import prepare
from portal.embedded.places import SOCKET_NAME, Places
from portal.embedded.programs import MAJOR, Runner

DATABASE = "purser"
USER = "postgres"
START_SECONDS = 120  # recovery after a crash may take a while
LOG_MAX_BYTES = 5_000_000

# Only the unix socket, in a directory that only its owner can enter: hence no passwords.
SETTINGS = {
    "listen_addresses": "''",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",  # short queries only
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "0",  # containers often have little /dev/shm
    "idle_in_transaction_session_timeout": "60s",  # one open snapshot keeps dead rows of every hot table
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}
# For throw-away homes (tests): money elsewhere is always written through.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Server:
    def __init__(self, places: Places) -> None:
        self.places = places

    def conninfo(self, database: str = DATABASE) -> str:
        return psycopg.conninfo.make_conninfo(
            host=str(self.places.socket_dir), port=5432, user=USER, dbname=database, connect_timeout=5
        )

    def answers(self) -> bool:
        try:
            psycopg.connect(self.conninfo("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self, *, durable: bool = True) -> None:
        runner = prepare(self.places)
        if not (self.places.data / "PG_VERSION").exists():
            self._initialise(runner)
        self._check_version()
        self._configure(runner, durable=durable)
        self._forget_dead_server()
        options = ("-D", str(self.places.data), "-l", str(self.places.log), "-w", "-t", str(START_SECONDS), "-s")
        # A server that was left behind and is still recovering makes pg_ctl fail: then wait for it.
        if not runner.run("pg_ctl", "start", *options) and not self._comes_up(seconds=5):
            raise EmbeddedError(f"the embedded PostgreSQL did not start: {runner.last_words()} ({self.places.log})")
        self._ensure_database()

    def stop(self) -> None:
        runner = prepare(self.places)
        if runner.run("pg_ctl", "stop", "-D", str(self.places.data), "-m", "fast", "-w", "-s"):
            return
        runner.run("pg_ctl", "stop", "-D", str(self.places.data), "-m", "immediate", "-w", "-s")

    def _initialise(self, runner: Runner) -> None:
        # Sorting and letter case by the server's own Unicode tables: the same on every machine.
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        options = ("-D", str(self.places.data), "-U", USER, "--auth=trust", "--no-instructions", *locale)
        shutil.rmtree(self.places.data, ignore_errors=True)  # an initialisation that was interrupted
        if not runner.run("initdb", *options):
            reason = runner.last_words()
            shutil.rmtree(self.places.data, ignore_errors=True)
            raise EmbeddedError(f"the embedded PostgreSQL could not be initialised: {reason}")
        with (self.places.data / "postgresql.conf").open("a") as file:
            file.write("include_if_exists 'purser.conf'\n")

    def _check_version(self) -> None:
        major = (self.places.data / "PG_VERSION").read_text().strip()
        if major != str(MAJOR):
            raise EmbeddedError(
                f"{self.places.data} was made by PostgreSQL {major}, this version brings {MAJOR}: "
                "restore a backup into a new home (docs/operations.md)"
            )

    def _configure(self, runner: Runner, *, durable: bool) -> None:
        lines = SETTINGS | {"unix_socket_directories": f"'{self.places.socket_dir}'"} | ({} if durable else NOT_DURABLE)
        file = self.places.data / "purser.conf"
        file.write_text("".join(f"{name} = {value}\n" for name, value in lines.items()))
        if runner.account:
            runner.account.own(file)
        if self.places.log.stat().st_size > LOG_MAX_BYTES:
            self.places.log.write_text("")

    def _forget_dead_server(self) -> None:
        """Remove the lock files of a server that is no more.

        PostgreSQL does so itself unless the number was given to another process of the same user, or the dead
        process was never collected, as happens in containers without an init.
        """
        for lock in (self.places.data / "postmaster.pid", self.places.socket_dir / f"{SOCKET_NAME}.lock"):
            with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
                number = int(lock.read_text().splitlines()[0])
                if not _is_server(number, str(self.places.data)):
                    lock.unlink()

    def _comes_up(self, *, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
        return True

    def _ensure_database(self) -> None:
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not known:
                with contextlib.suppress(psycopg.errors.DuplicateDatabase):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _is_server(number: int, data: str) -> bool:
    try:
        process = psutil.Process(number)
        return process.status() != psutil.STATUS_ZOMBIE and data in process.cmdline()
    except psutil.Error:
        return False
