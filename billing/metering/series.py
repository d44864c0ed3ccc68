"""Series: one row per combination of breakdown values, its id remembered in the process."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from django.db import connection

from billing.foundation.site.selectors import site
from billing.metering.known import Known

OTHER = "other"


class SeriesKey(NamedTuple):
    workspace_id: int
    provider: str
    model: str
    meter: str
    project_id: int | None
    task: str
    agent: str
    app: str
    api_key_id: int | None

    def digest(self) -> bytes:
        """Names the combination within its workspace."""
        values = (str(value) if value is not None else "" for value in self[1:])
        return blake2b("\0".join(values).encode(), digest_size=16).digest()


known: Known[SeriesKey, int] = Known(limit=100_000)


def series_ids(keys: Iterable[SeriesKey], *, rated: frozenset[SeriesKey], now: datetime) -> dict[SeriesKey, int]:
    """The series of each key, made if need be. Call it under the wallet lock: it serialises the making.

    Once a workspace made `site().max_breakdown_values` series today (UTC), what is free text in new combinations
    becomes "other"; `rated` names the keys whose model and meter are the catalogue's and not free text.
    """
    wanted = dict.fromkeys(keys)
    found = {key: series for key in wanted if (series := known.get(key)) is not None}
    missing = [key for key in wanted if key not in found]
    if not missing:
        return found
    workspace_id = missing[0].workspace_id
    found |= _stored(workspace_id, missing)
    fresh = [key for key in missing if key not in found]
    if fresh:
        room = site().max_breakdown_values - _made_today(workspace_id, now)
        found |= _make(workspace_id, fresh[: max(room, 0)], now)
        crowded = {key: folded(key, free=key not in rated) for key in fresh[max(room, 0) :]}
        if crowded:
            others = list(dict.fromkeys(crowded.values()))
            stored = _stored(workspace_id, others)
            stored |= _make(workspace_id, [key for key in others if key not in stored], now)
            found |= {key: stored[other] for key, other in crowded.items()}
    known.remember({key: found[key] for key in missing})
    return found


def folded(key: SeriesKey, *, free: bool = False) -> SeriesKey:
    """Where a combination is counted that is new when its day has enough of them."""
    other = key._replace(task=key.task and OTHER, agent=key.agent and OTHER, app=key.app and OTHER)
    # With `free` nobody knows this model or meter: its name is whatever was sent.
    return other._replace(provider="", model=OTHER, meter=OTHER) if free else other


def _made_today(workspace_id: int, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM metering_series"
            " WHERE workspace_id = %s AND created_on = %s LIMIT %s) made",
            [workspace_id, now.date(), site().max_breakdown_values],
        )
        return int(cursor.fetchone()[0])


def _stored(workspace_id: int, keys: list[SeriesKey]) -> dict[SeriesKey, int]:
    by_digest = {key.digest(): key for key in keys}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT digest, id FROM metering_series WHERE workspace_id = %s AND digest = ANY(%s)",
            [workspace_id, list(by_digest)],
        )
        return {by_digest[bytes(digest)]: series for digest, series in cursor.fetchall()}


def _make(workspace_id: int, keys: list[SeriesKey], now: datetime) -> dict[SeriesKey, int]:
    if not keys:
        return {}
    columns = list(zip(*keys, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO metering_series (workspace_id, created_on, digest, provider, model, meter, project_id, task,"
            " agent, app, api_key_id)"
            " SELECT %s, %s, made.* FROM unnest(%s::bytea[], %s::text[], %s::text[], %s::text[], %s::bigint[],"
            " %s::text[], %s::text[], %s::text[], %s::bigint[]) made RETURNING digest, id",
            [workspace_id, now.date(), [key.digest() for key in keys], *(list(column) for column in columns[1:])],
        )
        by_digest = {key.digest(): key for key in keys}
        return {by_digest[bytes(digest)]: series for digest, series in cursor.fetchall()}
