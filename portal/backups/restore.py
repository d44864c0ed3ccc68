"""Restores a backup in one transaction: all data is replaced, or nothing changed."""

import fcntl
import json
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from portal.backups.errors import BackupError
from portal.backups.tools import connection_environment, private, tool
from portal.backups.write import FORMAT, backup_write
from portal.home import own_directory
from portal.settings.env import HOME
from portal.upgrades import known_migrations, stopped_between

# What one server writes and another one does not know, without any meaning for the data: a setting of the session
# (known from 17 on), and a counter that late releases of older servers keep in the options of columns.
FOREIGN = re.compile(rb"SET transaction_timeout|ALTER TABLE ONLY \S+ ALTER COLUMN .+ SET \(pg_attver=\d+\);$")


def backup_restore(source: Path) -> Path | None:
    """Replace database and secrets by those in `source`.

    Returns the backup that was made of what was there before, None if there was nothing. Raises BackupError when
    the file is no backup, was made by a newer version, or the portal is running with this home.
    """
    with _portal_stopped(), tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        _unpack(source, directory)
        _check(directory / "manifest.json", source)
        kept = backup_write() if connection.introspection.table_names() else None
        connection.close()
        _replace_database(directory / "database.dump")
        _replace_secrets(directory / "secrets")
    return kept


@contextmanager
def _portal_stopped() -> Iterator[None]:
    lock = own_directory(HOME / "locks") / "run.lock"
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BackupError("the portal is running: stop it first, then restore") from error
    finally:
        os.close(descriptor)


def _unpack(source: Path, directory: Path) -> None:
    try:
        with tarfile.open(source) as archive:
            archive.extractall(directory, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise BackupError(f"cannot read {source}: {error}") from error


def _check(manifest: Path, source: Path) -> None:
    try:
        told = json.loads(manifest.read_text())
    except (OSError, ValueError) as error:
        raise BackupError(f"{source} is not a backup of Purser") from error
    applied = {(app, name) for app, _, name in (each.partition(".") for each in told.get("migrations", []))}
    if told.get("format") != FORMAT or not applied <= known_migrations() or stopped_between(applied):
        raise BackupError(f"{source} was made by another version of Purser; restore it with that one, then upgrade")


def _replace_database(dump: Path) -> None:
    """pg_restore writes SQL, psql runs it: so a dump of a newer server fits an older one."""
    environment = connection_environment()
    script = dump.with_suffix(".sql")
    options = ["--no-owner", "--no-privileges", f"--file={script}", str(dump)]
    done = subprocess.run(  # noqa: S603
        [tool("pg_restore"), *options], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupError(f"the dump cannot be read: {done.stderr.strip().splitlines()[-1]}")
    command = [tool("psql"), "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    with script.open("rb") as lines, tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(  # noqa: S603
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=messages
        )
        assert process.stdin is not None  # noqa: S101 - as asked for
        try:
            process.stdin.write(b"SET client_min_messages = warning;\nDROP SCHEMA public CASCADE;\n")
            process.stdin.writelines(portable(lines))
            process.stdin.close()
        except BrokenPipeError:
            pass  # psql has ended with an error, told below
        if process.wait():
            messages.seek(0)
            told = messages.read().decode(errors="replace").strip().splitlines()
            reason = next((line for line in told if "ERROR" in line), told[-1] if told else "psql failed")
            raise BackupError(f"nothing was changed: {reason}")


def portable(script: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a dump that every supported server understands; rows of data are never looked at."""
    in_data = False
    for line in script:
        if in_data:
            in_data = line.rstrip(b"\n") != b"\\."
        elif FOREIGN.match(line):
            continue
        else:
            in_data = line.startswith(b"COPY ") and line.endswith(b"FROM stdin;\n")
        yield line


def _replace_secrets(directory: Path) -> None:
    secrets = own_directory(HOME / "secrets")
    for secret in directory.glob("*"):
        draft = secrets / f".{secret.name}.part"
        with open(draft, "wb", opener=private) as file:
            file.write(secret.read_bytes())
        draft.replace(secrets / secret.name)
