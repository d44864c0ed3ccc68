"""The SQL of recording: what is asked under the wallet lock, and the rows that are written.

Numbers travel as text: psycopg types an integer by its size, and each mix of sizes would be prepared anew.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from django.db import connection

from billing.ledger.roundtrip import Statement
from billing.metering.events import Source, metadata_json
from billing.metering.rated import EndUserCount, RatedEvent, Rollups, cost_usd
from billing.metering.series import SeriesKey

COLUMNS = (
    "workspace_id, origin, event_id, request_hash, api_key_id, project_id, provider, model, usage, variant, agent,"
    " app, task, end_user, metadata, occurred_at, booked_at, recorded_at, late, problem, lines, amount, cost_usd,"
    ' upstream, operation_id, "offset", hold_id, told'
)

_FIND = "SELECT id, request_hash FROM metering_usageevent WHERE workspace_id = %s AND origin = %s AND event_id = %s"

# LIMIT keeps the planner from reading all events of the workspace and comparing each with the whole list.
# JSON, because psycopg takes ten times as long to write an array of texts.
_FIND_MANY = """SELECT wanted.event_id, found.request_hash FROM json_array_elements_text(%s::json) wanted(event_id)
    CROSS JOIN LATERAL (SELECT request_hash FROM metering_usageevent
        WHERE workspace_id = %s AND origin = %s AND event_id = wanted.event_id LIMIT 1) found"""

_ADD_TOTAL = """ ON CONFLICT (workspace_id, hour) DO UPDATE SET amount = metering_hourtotal.amount + excluded.amount,
        requests = metering_hourtotal.requests + excluded.requests"""
_TOTALS = f""" INSERT INTO metering_hourtotal (workspace_id, hour, amount, requests)
    SELECT %s, total.* FROM unnest(%s::timestamptz[], %s::bigint[], %s::bigint[]) total(hour, amount, requests)
    ORDER BY total.hour {_ADD_TOTAL}"""  # noqa: S608
_TOTAL = f""" INSERT INTO metering_hourtotal (workspace_id, hour, amount, requests)
    VALUES (%s, %s::timestamptz, %s::bigint, %s::bigint) {_ADD_TOTAL}"""  # noqa: S608

_USED = """ INSERT INTO metering_hourusage (workspace_id, hour, series_id, quantity, amount, requests, upstream)
    SELECT %s, used.* FROM unnest(%s::timestamptz[], %s::bigint[], %s::numeric[], %s::bigint[], %s::bigint[],
        %s::bigint[]) used(hour, series, quantity, amount, requests, upstream)"""
_ADD_USED = """ ON CONFLICT (workspace_id, hour, series_id) DO UPDATE SET
        quantity = metering_hourusage.quantity + excluded.quantity,
        amount = metering_hourusage.amount + excluded.amount,
        requests = metering_hourusage.requests + excluded.requests,
        upstream = metering_hourusage.upstream + excluded.upstream"""

_ROLLUPS = f"WITH total AS ({_TOTALS}) {_USED} ORDER BY used.hour, used.series {_ADD_USED}"
# Nearly every request: one event in one hour, in few series.
_EVENT = f"WITH event AS (INSERT INTO metering_usageevent ({COLUMNS}) VALUES ({', '.join(['%s'] * 28)}))"  # noqa: S608
_ONE = f"{_EVENT}, total AS ({_TOTAL}) {_USED} {_ADD_USED}"

# The same for events that name an end user; all others are written without a trace of it.
_END_USER = "INSERT INTO metering_enduserhour (workspace_id, hour, end_user_id, amount, requests, tokens, quantity)"
_ADD_END_USER = """ ON CONFLICT (workspace_id, hour, end_user_id) DO UPDATE SET
        amount = metering_enduserhour.amount + excluded.amount,
        requests = metering_enduserhour.requests + excluded.requests,
        tokens = metering_enduserhour.tokens + excluded.tokens,
        quantity = metering_enduserhour.quantity + excluded.quantity"""
_ROLLUPS_END_USERS = f"""WITH end_users AS ({_END_USER}
    SELECT %s, made.* FROM unnest(%s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[], %s::numeric[],
        %s::numeric[]) made(hour, end_user, amount, requests, tokens, quantity) ORDER BY made.hour, made.end_user
    {_ADD_END_USER}), {_ROLLUPS.removeprefix("WITH ")}"""  # noqa: S608
_ONE_END_USER = f"""{_EVENT}, end_user AS ({_END_USER}
    VALUES (%s, %s::timestamptz, %s, %s::bigint, %s::bigint, %s::numeric, %s::numeric) {_ADD_END_USER}
    ){_ONE.removeprefix(_EVENT)}"""


def find(workspace_id: int, origin: str, event_id: str) -> Statement:
    return _FIND, (str(workspace_id), origin, event_id)


def find_many(workspace_id: int, origin: str, event_ids: list[str]) -> Statement:
    return _FIND_MANY, (json.dumps(event_ids), str(workspace_id), origin)


def write_one(
    values: Sequence[Any], rollups: Rollups, series: dict[SeriesKey, int], end_users: Mapping[str, int]
) -> Statement:
    """The event and what it adds to the hourly totals, in one statement."""
    ((hour, total),) = rollups.totals.items()
    counts = (str(rollups.workspace_id), hour.isoformat(), str(total.amount), str(total.requests))
    if end_users:
        return _ONE_END_USER, (*values, *_end_user(rollups, end_users), *counts, *_used(rollups, series))
    return _ONE, (*values, *counts, *_used(rollups, series))


def write_rollups(rollups: Rollups, series: dict[SeriesKey, int], end_users: Mapping[str, int]) -> Statement:
    totals = rollups.totals
    return _ROLLUPS_END_USERS if end_users else _ROLLUPS, (
        *(_end_users(rollups, end_users) if end_users else ()),
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
        row = used.setdefault((hour.isoformat(), series[key]), [0, 0, 0, 0])
        row[0] += count.quantity
        row[1] += count.amount
        row[2] += count.requests
        row[3] += count.upstream
    return (
        str(rollups.workspace_id),
        _array(hour for hour, _ in used),
        _array(series_id for _, series_id in used),
        _array(format(row[0], "f") for row in used.values()),
        _array(row[1] for row in used.values()),
        _array(row[2] for row in used.values()),
        _array(row[3] for row in used.values()),
    )


def _end_user(rollups: Rollups, ids: Mapping[str, int]) -> tuple[str, ...]:
    (((hour, name), count),) = rollups.end_users.items()
    counts = (str(count.amount), str(count.requests), format(count.tokens, "f"), format(count.quantity, "f"))
    return str(rollups.workspace_id), hour.isoformat(), str(ids[name]), *counts


def _end_users(rollups: Rollups, ids: Mapping[str, int]) -> tuple[str, ...]:
    counted: dict[tuple[str, int], EndUserCount] = {}
    for (hour, name), count in rollups.end_users.items():
        row = counted.setdefault((hour.isoformat(), ids[name]), EndUserCount())
        row.amount += count.amount
        row.requests += count.requests
        row.tokens += count.tokens
        row.quantity += count.quantity
    return (
        str(rollups.workspace_id),
        _array(hour for hour, _ in counted),
        _array(end_user for _, end_user in counted),
        _array(row.amount for row in counted.values()),
        _array(row.requests for row in counted.values()),
        _array(format(row.tokens, "f") for row in counted.values()),
        _array(format(row.quantity, "f") for row in counted.values()),
    )


def _array(values: Iterable[Any]) -> str:
    """An array of values that need no quoting (numbers, times)."""
    return "{" + ",".join(map(str, values)) + "}"


class Rows:
    """Makes rows of COLUMNS, each value a text, bytes or None, dates as ISO. What all events of a call have in common
    is made once.
    """

    def __init__(self, *, workspace_id: int, source: Source, now: datetime, usd_per_credit: Decimal) -> None:
        self._whose = str(workspace_id), source.origin
        self._api_key = None if source.api_key_id is None else str(source.api_key_id)
        self._now, self._recorded = now, now.isoformat()
        self._usd_per_credit = usd_per_credit

    def row(self, rated: RatedEvent, *, operation_id: int | None, told: str | None = None) -> tuple[Any, ...]:
        event = rated.event
        occurred, booked = rated.occurred_at, rated.booked_at
        occurred_text = self._recorded if occurred is self._now else occurred.isoformat()
        return (
            *self._whose,
            event.event_id,
            rated.hash,
            self._api_key,
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
            occurred_text,
            occurred_text if booked is occurred else self._recorded if booked is self._now else booked.isoformat(),
            self._recorded,
            "t" if rated.late else "f",
            rated.problem,
            rated.lines_json,
            str(rated.nano),
            format(cost_usd(rated.nano, self._usd_per_credit), "f"),
            str(rated.upstream),
            None if operation_id is None or not rated.nano else str(operation_id),
            str(rated.offset),
            None if event.hold is None else str(event.hold),
            told,
        )


def copy_events(rows: Iterable[Sequence[Any]]) -> None:
    """COPY `rows` into the table, inside the open transaction."""
    text = copied(rows)
    cursor = psycopg.Cursor(connection.connection)
    with connection.wrap_database_errors, cursor.copy(f"COPY metering_usageevent ({COLUMNS}) FROM STDIN") as copy:
        copy.write(text)


_SPECIAL = "\\\n\r\t"
_ESCAPES = {ord("\\"): "\\\\", ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}


def copied(rows: Iterable[Sequence[Any]]) -> str:
    """Rows in COPY's text format; column by column, because next to none holds anything that must be escaped."""
    columns = [
        [r"\\x" + value.hex() for value in column] if name == "request_hash" else _escaped(column)
        for name, column in zip(COLUMNS.split(", "), zip(*rows, strict=True), strict=True)
    ]
    return "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"


def _escaped(column: Sequence[str | None]) -> Sequence[str]:
    texts = [text for text in column if text is not None]
    together = "".join(texts)
    if len(texts) == len(column) and not any(special in together for special in _SPECIAL):
        return texts
    return [r"\N" if text is None else text.translate(_ESCAPES) for text in column]
