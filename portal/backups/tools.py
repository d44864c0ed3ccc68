"""pg_dump, pg_restore and psql against the portal's database."""

import os
import shutil
from pathlib import Path

from django.db import connection

from portal.backups.errors import BackupError
from portal.embedded import EmbeddedError
from portal.embedded.programs import environment, program


def tool(name: str) -> str:
    """The wheel's program (it is newer than the servers we meet), else the machine's own."""
    try:
        path = program(name)
        if Path(path).exists():
            return path
    except EmbeddedError:
        pass
    if own := shutil.which(name):
        return own
    raise BackupError(f"{name} is not installed")


def connection_environment() -> dict[str, str]:
    """How the programs reach the database: in the environment, so that no password shows in the process list."""
    database = connection.settings_dict
    names = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD", "NAME": "PGDATABASE"}
    given = {variable: str(database[key]) for key, variable in names.items() if database.get(key)}
    ssl = {f"PG{key.upper()}": str(value) for key, value in database["OPTIONS"].items() if key.startswith("ssl")}
    return environment() | given | ssl | {"PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "purser-backup"}


def private(path: str, flags: int) -> int:
    """An opener for files that only their owner may read."""
    return os.open(path, flags, 0o600)
