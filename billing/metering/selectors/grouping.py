"""The one query behind breakdowns and charts: hourly usage grouped by what its series say."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection

from accounts.models import ApiKey, Project
from billing.metering.receipts import TOKEN_METERS
from billing.metering.selectors.endusers import end_user_groups
from billing.metering.selectors.group import Group
from billing.metering.selectors.totals import floor_hour

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "model": ("series.provider", "series.model"),
    "provider": ("series.provider",),
    "meter": ("series.meter",),
    "task": ("series.task",),
    "project": ("series.project_id",),
    "agent": ("series.agent",),
    "app": ("series.app",),
    "key": ("series.api_key_id",),
}

# For other selectors: groups by it are not shown, and nothing is narrowed to one.
TOGETHER: Mapping[str, tuple[str, ...]] = {"model_meter": ("series.provider", "series.model", "series.meter")}


def groups(
    workspace_id: int,
    *,
    by: str | None,
    since: datetime,
    until: datetime,
    starts: Sequence[datetime] = (),
    where: Mapping[str, str] | None = None,
) -> list[Group]:
    """Usage of the hours from that of `since` to before `until`, per value of `by` and per bucket of `starts`.

    `where` narrows by the keys that an earlier answer gave: {"model": "openai/gpt-4o-mini", "project": "12"}. End users
    are counted across all of that: they cannot be grouped and narrowed, nor narrow.
    """
    where = where or {}
    if where and "end_user" in {by, *where}:
        raise ValueError("usage of end users cannot be narrowed, nor be narrowed to them")
    if by == "end_user":
        return end_user_groups(workspace_id, since=since, until=until, starts=starts)
    dims = {**COLUMNS, **TOGETHER}[by] if by else ()
    bucket = "width_bucket(used.hour, %s::timestamptz[]) - 1" if starts else "0"
    picked = ", ".join([*dims, bucket])
    conditions, parameters = _conditions(where)
    query = (
        f"SELECT {picked}, sum(used.amount), sum(used.requests),"  # noqa: S608 (columns are constants of this module)
        " coalesce(sum(used.quantity) FILTER (WHERE series.meter = ANY(%s)), 0), sum(used.quantity)"
        " FROM metering_hourusage used JOIN metering_series series ON series.id = used.series_id"
        " WHERE used.workspace_id = %s AND used.hour >= %s AND used.hour < %s"
        f"{conditions} GROUP BY {', '.join(str(place + 1) for place in range(len(dims) + 1))}"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            query,
            [
                *([list(starts)] if starts else []),
                list(TOKEN_METERS),
                workspace_id,
                floor_hour(since),
                until,
                *parameters,
            ],
        )
        return [
            Group(_key(row[: len(dims)]), row[len(dims)], int(row[-4]), int(row[-3]), row[-2], row[-1])
            for row in cursor.fetchall()
        ]


def _key(values: tuple[object, ...]) -> str:
    """("openai", "gpt-4o") → "openai/gpt-4o"; nothing → ""."""
    return "/".join(str(value) for value in values if value not in (None, ""))


def _conditions(where: Mapping[str, str]) -> tuple[str, list[str | int]]:
    clauses: list[str] = []
    parameters: list[str | int] = []
    for name, value in where.items():
        if name == "model":
            clauses.append("concat_ws('/', nullif(series.provider, ''), nullif(series.model, '')) = %s")
            parameters.append(value)
        elif name in ("project", "key"):
            column = COLUMNS[name][0]
            clauses.append(f"{column} IS NULL" if value == "" else f"{column} = %s")
            parameters += [] if value == "" else [int(value)]
        else:
            clauses.append(f"{COLUMNS[name][0]} = %s")
            parameters.append(value)
    return "".join(f" AND {clause}" for clause in clauses), parameters


def names(by: str, keys: Sequence[str]) -> dict[str, str]:
    """How people read the keys of a dimension."""
    shown = {key: key or f"No {by.replace('_', ' ')}" for key in keys}
    ids = [int(key) for key in keys if key] if by in ("project", "key") else []
    if by == "project":
        shown |= {str(pk): name for pk, name in Project.objects.filter(pk__in=ids).values_list("pk", "name")}
    if by == "key":
        rows = ApiKey.objects.filter(pk__in=ids).values_list("pk", "name", "prefix")
        shown |= {str(pk): f"{name} ({prefix}…)" for pk, name, prefix in rows}
    return shown
