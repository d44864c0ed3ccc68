"""Databases that stopped between two versions.

An app's first migration replaces those of before (`replaces`), whose files are gone. A database that has them all
counts as having taken it, one that has none takes it. In one that has some of them, Django would leave the app out
without a word.
"""

from collections.abc import Iterable
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

HINT = "First upgrade it to the version before this one: see Upgrade in docs/operations.md."

Names = set[tuple[str, str]]


def known_migrations() -> Names:
    """Those of this version, and those that it replaced."""
    files = _files()
    return {*files, *(name for migration in files.values() for name in migration.replaces)}


def stopped_between(applied: Iterable[tuple[str, str]]) -> str:
    """Of which apps only some of the replaced migrations are applied: "ledger (10 of 18)". Else empty."""
    files, done = _files(), set(applied)
    found = []
    for (app, _), migration in sorted(files.items()):
        missing = set(migration.replaces) - done
        if len(missing) < len(migration.replaces) and missing - files.keys():
            found.append(f"{app} ({len(migration.replaces) - len(missing)} of {len(migration.replaces)})")
    return ", ".join(found)


def stopped_here(alias: str = "default") -> str:
    """The same of the database itself, as a sentence."""
    found = stopped_between(MigrationRecorder(connections[alias]).applied_migrations())
    return f"The database stopped between two versions, in the migrations of {found}." if found else ""


@register(Tags.database)
def check_upgrade(databases: Iterable[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Asked by `manage.py migrate` before it begins."""
    found = [stopped_here(alias) for alias in databases or ()]
    return [Error(sentence, hint=HINT, id="portal.E001") for sentence in found if sentence]


def _files() -> dict[tuple[str, str], Any]:
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    return dict(loader.disk_migrations or {})
