"""The SQL of recording: what is asked under the wallet lock, and the rows that are written.

Numbers travel as text: psycopg types an integer by its size, and each mix of sizes would be prepared anew.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection

from billing.ledger.roundtrip import Statement
from billing.metering.events import Source, metadata_json
from billing.metering.rated import RatedEvent, Rollups, cost_usd
from billing.metering.series import SeriesKey

COLUMNS = (
    "workspace_id, origin, event_id, request_hash, api_key_id, project_id, provider, model, usage, variant, agent,"
    " app, task, end_user, metadata, occurred_at, booked_at, recorded_at, late, problem, lines, amount, cost_usd,"
    ' operation_id, "offset", hold_id, told'
)

_FIND = "SELECT id, request_hash FROM metering_usageevent WHERE workspace_id = %s AND origin = %s AND event_id = %s"

# LIMIT keeps the planner from reading all events of the workspace and comparing each with the whole list.
_FIND_MANY = """SELECT wanted.event_id, found.request_hash FROM unnest(%s::text[]) wanted(event_id)
    CROSS JOIN LATERAL (SELECT request_hash FROM metering_usageevent
        WHERE workspace_id = %s AND origin = %s AND event_id = wanted.event_id LIMIT 1) found"""

_ADD_TOTAL = """ ON CONFLICT (workspace_id, hour) DO UPDATE SET amount = metering_hourtotal.amount + excluded.amount,
        requests = metering_hourtotal.requests + excluded.requests"""
_TOTALS = f""" INSERT INTO metering_hourtotal (workspace_id, hour, amount, requests)
    SELECT %s, total.* FROM unnest(%s::timestamptz[], %s::bigint[], %s::bigint[]) total(hour, amount, requests)
    ORDER BY total.hour {_ADD_TOTAL}"""  # noqa: S608
_TOTAL = f""" INSERT INTO metering_hourtotal (workspace_id, hour, amount, requests)
    VALUES (%s, %s::timestamptz, %s::bigint, %s::bigint) {_ADD_TOTAL}"""  # noqa: S608

_USED = """ INSERT INTO metering_hourusage (workspace_id, hour, series_id, quantity, amount, requests)
    SELECT %s, used.* FROM unnest(%s::timestamptz[], %s::bigint[], %s::numeric[], %s::bigint[], %s::bigint[])
        used(hour, series, quantity, amount, requests)"""
_ADD_USED = """ ON CONFLICT (workspace_id, hour, series_id) DO UPDATE SET
        quantity = metering_hourusage.quantity + excluded.quantity,
        amount = metering_hourusage.amount + excluded.amount,
        requests = metering_hourusage.requests + excluded.requests"""

_ROLLUPS = f"WITH total AS ({_TOTALS}) {_USED} ORDER BY used.hour, used.series {_ADD_USED}"
# Nearly every request: one event in one hour, in few series.
_ONE = (
    f"WITH event AS (INSERT INTO metering_usageevent ({COLUMNS})"  # noqa: S608
    f" VALUES ({', '.join(['%s'] * 27)})), total AS ({_TOTAL}) {_USED} {_ADD_USED}"
)


def find(workspace_id: int, origin: str, event_id: str) -> Statement:
    return _FIND, (str(workspace_id), origin, event_id)


def find_many(workspace_id: int, origin: str, event_ids: list[str]) -> Statement:
    return _FIND_MANY, (event_ids, str(workspace_id), origin)


def write_one(values: Sequence[Any], rollups: Rollups, series: dict[SeriesKey, int]) -> Statement:
    """The event and what it adds to the hourly totals, in one statement."""
    ((hour, total),) = rollups.totals.items()
    counts = (str(rollups.workspace_id), hour.isoformat(), str(total.amount), str(total.requests))
    return _ONE, (*values, *counts, *_used(rollups, series))


def write_rollups(rollups: Rollups, series: dict[SeriesKey, int]) -> Statement:
    totals = rollups.totals
    return _ROLLUPS, (
        str(rollups.workspace_id),
        _array(hour.isoformat() for hour in totals),
        _array(total.amount for total in totals.values()),
        _array(total.requests for total in totals.values()),
        *_used(rollups, series),
    )


def _used(rollups: Rollups, series: dict[SeriesKey, int]) -> tuple[str, ...]:
    # Keys that share a series ("other") are added up: one statement may touch a row only once.
    used: dict[tuple[str, int], list[Any]] = {}
    for (hour, key), count in rollups.usage.items():
        row = used.setdefault((hour.isoformat(), series[key]), [0, 0, 0])
        row[0] += count.quantity
        row[1] += count.amount
        row[2] += count.requests
    return (
        str(rollups.workspace_id),
        _array(hour for hour, _ in used),
        _array(series_id for _, series_id in used),
        _array(format(row[0], "f") for row in used.values()),
        _array(row[1] for row in used.values()),
        _array(row[2] for row in used.values()),
    )


def _array(values: Iterable[Any]) -> str:
    """An array of values that need no quoting (numbers, times)."""
    return "{" + ",".join(map(str, values)) + "}"


def event_values(
    rated: RatedEvent,
    *,
    workspace_id: int,
    source: Source,
    now: datetime,
    operation_id: int | None,
    usd_per_credit: Any,
    told: str | None = None,
) -> tuple[Any, ...]:
    """The values of COLUMNS, each a text, bytes or None, dates as ISO."""
    event = rated.event
    recorded = now.isoformat()
    return (
        str(workspace_id),
        source.origin,
        event.event_id,
        rated.hash,
        None if source.api_key_id is None else str(source.api_key_id),
        None if rated.project_id is None else str(rated.project_id),
        rated.provider,
        rated.model,
        rated.usage_json,
        json.dumps(event.variant) if event.variant else "{}",
        event.agent,
        event.app,
        event.task,
        event.end_user,
        metadata_json(event.metadata),
        recorded if rated.occurred_at is now else rated.occurred_at.isoformat(),
        recorded if rated.booked_at is now else rated.booked_at.isoformat(),
        recorded,
        "t" if rated.late else "f",
        rated.problem,
        rated.lines_json,
        str(rated.nano),
        format(cost_usd(rated.nano, usd_per_credit), "f"),
        None if operation_id is None or not rated.nano else str(operation_id),
        str(rated.offset),
        None if event.hold is None else str(event.hold),
        told,
    )


_HASH = COLUMNS.split(", ").index("request_hash")
_SPECIAL = re.compile(r"[\\\n\r\t]")
_ESCAPES = {ord("\\"): "\\\\", ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}


def copy_events(rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows of `event_values` into the table, inside the open transaction."""
    text = "".join(map(_copied, rows))
    cursor = psycopg.Cursor(connection.connection)
    with connection.wrap_database_errors, cursor.copy(f"COPY metering_usageevent ({COLUMNS}) FROM STDIN") as copy:
        copy.write(text)


def _copied(row: Sequence[Any]) -> str:
    """A row in COPY's text format."""
    cells = ["\\N" if value is None else value for value in row]
    cells[_HASH] = "\\\\x" + row[_HASH].hex()
    if _SPECIAL.search("".join([value for value in row if value.__class__ is str])):
        texts = enumerate(row)
        cells = [value.translate(_ESCAPES) if isinstance(value, str) else cells[index] for index, value in texts]
    return "\t".join(cells) + "\n"
