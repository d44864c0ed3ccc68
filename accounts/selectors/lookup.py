"""Finding a key by its prefix, on the way of every API request.

Written by hand because building this query from the ORM costs more than all the rest of recording a request's usage.
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


def key_by_prefix(prefix: str) -> ApiKey | None:
    """The key with this prefix, its workspace and project loaded."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        # Prepared: planning these joins takes longer than running them.
        row = psycopg.Cursor(connection.connection).execute(_SQL, [prefix], prepare=True).fetchone()
    if row is None:
        return None
    key: ApiKey = ApiKey.from_db(connection.alias, _KEY, row[: len(_KEY)])
    key.workspace = _related(Workspace, _WORKSPACE, row[len(_KEY) :])
    key.project = _related(Project, _PROJECT, row[len(_KEY) + len(_WORKSPACE) :])
    return key


def _related(model: Any, names: list[str], row: tuple[Any, ...]) -> Any:
    return None if row[0] is None else model.from_db(connection.alias, names, row[: len(names)])
