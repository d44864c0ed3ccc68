"""Finding a key by its prefix and a workspace by its id, on the way of every API request.

Written by hand because building these queries from the ORM costs more than all the rest of recording a request's usage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection
from django.db.models import Model

from accounts.models import ApiKey, Project, Workspace


def _columns(model: type[Model], table: str) -> str:
    return ", ".join(f'{table}."{field.column}"' for field in model._meta.concrete_fields)


def _names(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


_KEY, _WORKSPACE, _PROJECT = _names(ApiKey), _names(Workspace), _names(Project)
_SQL = (
    f"SELECT {_columns(ApiKey, 'key')}, {_columns(Workspace, 'workspace')}, {_columns(Project, 'project')},"  # noqa: S608
    " key.xmin::text, workspace.xmin::text FROM accounts_apikey key"
    " LEFT JOIN accounts_workspace workspace ON workspace.id = key.workspace_id"
    " LEFT JOIN accounts_project project ON project.id = key.project_id WHERE"
)
_NAMED = f"SELECT {_columns(Workspace, 'workspace')} FROM accounts_workspace workspace WHERE"  # noqa: S608
# Were an external id ever equal to another workspace's own id, the own id wins.
_BY_EITHER_ID = (
    f"{_NAMED} workspace.public_id = %s UNION ALL {_NAMED} workspace.external_id = %s"
    " AND NOT EXISTS (SELECT FROM accounts_workspace own WHERE own.public_id = %s)"
)


# The transaction that wrote a row tells one version of it from another: whatever changes about a key, or about the
# workspace it belongs to, is seen by this.
_SAME_KEY = "SELECT 1 FROM accounts_apikey WHERE id = %s AND xmin = %s::xid"
_SAME_KEY_AND_WORKSPACE = (
    "SELECT 1 FROM accounts_apikey key JOIN accounts_workspace workspace ON workspace.id = key.workspace_id"
    " WHERE key.id = %s AND key.xmin = %s::xid AND workspace.xmin = %s::xid"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A key as it was read, and which version of its rows that was."""

    key: ApiKey
    version: tuple[str, ...]

    def unchanged(self) -> tuple[str, tuple[str, ...]]:
        """The statement that has a row as long as the key, and its workspace, are as they were read."""
        sql = _SAME_KEY if len(self.version) == 1 else _SAME_KEY_AND_WORKSPACE
        return sql, (str(self.key.pk), *self.version)


def key_by_prefix(prefix: str) -> Found | None:
    """The key with this prefix, its workspace and project loaded."""
    return _found(_row(f"{_SQL} key.prefix = %s", [prefix]))


def key_by_digest(digest: str) -> Found | None:
    """The same by the digest of the whole key."""
    return _found(_row(f"{_SQL} key.digest = %s", [digest]))


def workspace_by_either_id(name: str) -> Workspace | None:
    """The workspace whose own id, or else whose external id, is `name`."""
    row = _row(_BY_EITHER_ID, [name, name, name])
    return None if row is None else Workspace.from_db(connection.alias, _WORKSPACE, row)


def _found(whole: Sequence[Any] | None) -> Found | None:
    if whole is None:
        return None
    *row, key_version, workspace_version = whole
    key: ApiKey = ApiKey.from_db(connection.alias, _KEY, row[: len(_KEY)])
    key.workspace = _related(Workspace, _WORKSPACE, row[len(_KEY) :])
    key.project = _related(Project, _PROJECT, row[len(_KEY) + len(_WORKSPACE) :])
    return Found(key, (key_version,) if workspace_version is None else (key_version, workspace_version))


def _row(sql: str, parameters: list[str]) -> tuple[Any, ...] | None:
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        # Prepared: planning these queries takes longer than running them.
        return psycopg.Cursor(connection.connection).execute(sql, parameters, prepare=True).fetchone()


def _related(model: Any, names: list[str], row: Sequence[Any]) -> Any:
    return None if row[0] is None else model.from_db(connection.alias, names, row[: len(names)])
