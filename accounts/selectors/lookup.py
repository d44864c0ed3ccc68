"""Finding a key by its prefix and a workspace by its id, on the way of every API request.

Written by hand because building these queries from the ORM costs more than all the rest of recording a request's usage.
"""

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
    f"SELECT {_columns(ApiKey, 'key')}, {_columns(Workspace, 'workspace')}, {_columns(Project, 'project')}"  # noqa: S608
    " FROM accounts_apikey key LEFT JOIN accounts_workspace workspace ON workspace.id = key.workspace_id"
    " LEFT JOIN accounts_project project ON project.id = key.project_id WHERE key.prefix = %s"
)
_NAMED = f"SELECT {_columns(Workspace, 'workspace')} FROM accounts_workspace workspace WHERE"  # noqa: S608
# Were an external id ever equal to another workspace's own id, the own id wins.
_BY_EITHER_ID = (
    f"{_NAMED} workspace.public_id = %s UNION ALL {_NAMED} workspace.external_id = %s"
    " AND NOT EXISTS (SELECT FROM accounts_workspace own WHERE own.public_id = %s)"
)


def key_by_prefix(prefix: str) -> ApiKey | None:
    """The key with this prefix, its workspace and project loaded."""
    row = _row(_SQL, [prefix])
    if row is None:
        return None
    key: ApiKey = ApiKey.from_db(connection.alias, _KEY, row[: len(_KEY)])
    key.workspace = _related(Workspace, _WORKSPACE, row[len(_KEY) :])
    key.project = _related(Project, _PROJECT, row[len(_KEY) + len(_WORKSPACE) :])
    return key


def workspace_by_either_id(name: str) -> Workspace | None:
    """The workspace whose own id, or else whose external id, is `name`."""
    row = _row(_BY_EITHER_ID, [name, name, name])
    return None if row is None else Workspace.from_db(connection.alias, _WORKSPACE, row)


def _row(sql: str, parameters: list[str]) -> tuple[Any, ...] | None:
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        # Prepared: planning these queries takes longer than running them.
        return psycopg.Cursor(connection.connection).execute(sql, parameters, prepare=True).fetchone()


def _related(model: Any, names: list[str], row: tuple[Any, ...]) -> Any:
    return None if row[0] is None else model.from_db(connection.alias, names, row[: len(names)])
