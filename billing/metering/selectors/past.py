"""Events of the past, one by one and in order, for whoever prices them anew. Read in portions, each a statement of its
own: a reader keeps no snapshot open, so it never keeps old rows alive for writers.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import Sum

from billing.metering.models import EventReversal, HourUsage
from billing.metering.past import PastEvent, WorkTotal
from billing.metering.rated import CLOCK_SKEW
from billing.metering.selectors.days import months as months_between
from billing.metering.selectors.totals import floor_hour

CHUNK = 5_000  # rows of a statement: some 30 ms

# Along an index each (compare selectors.events.booked_events).
_ROWS = """
SELECT id, {place}, width_bucket(booked_at, %(starts)s::timestamptz[]) - 1,
    width_bucket(booked_at, %(months)s::timestamptz[]), LEAST(occurred_at, recorded_at), provider, model,
    usage::text, variant::text,
    CASE WHEN jsonb_path_exists(lines, '$[*] ? (@.from_allowance != "0" || exists(@.counter))')
        THEN lines::text ELSE '' END,
    amount, problem <> '', archive_id IS NOT NULL, {chosen}
FROM metering_usageevent
WHERE workspace_id = %(workspace)s AND {late} AND booked_at >= %(since)s AND booked_at < %(until)s
    AND {place} >= %(since)s AND {place} < %(latest)s AND ({place}, id) > (%(place)s, %(id)s){narrowed}
ORDER BY {place}, id LIMIT %(limit)s
"""
_MODELS = "(provider, model) IN (SELECT * FROM unnest(%(providers)s::text[], %(models)s::text[]))"


def past_events(
    workspace_id: int,
    *,
    starts: Sequence[datetime],
    until: datetime,
    models: Sequence[tuple[str, str]] | None = None,
    where: Mapping[str, str] | None = None,
    counting: bool = False,
) -> Iterator[PastEvent]:
    """The events that count from the first of `starts` to before `until`, oldest first, those that came late last:
    the ones whose amounts the hourly totals have there. `PastEvent.day` is the stretch that begins at one of `starts`.

    `models` are (provider, model) as events have them; `where` may name task and agent. `counting`: from the beginning
    of the first month on, and the others beside those that were asked for, because prices may depend on all of them.
    """
    given_back = set(EventReversal.objects.filter(workspace_id=workspace_id).values_list("event_id", flat=True))
    months = _months(starts[0], until)
    since = months[0] if counting else starts[0]
    bounds: dict[str, Any] = {"workspace": workspace_id, "starts": list(starts), "months": months, "since": since}
    asked = []
    if models is not None:
        asked.append(_MODELS)
        bounds |= {"providers": [key[0] for key in models], "models": [key[1] for key in models]}
    for name in ("task", "agent"):
        if where and name in where:
            asked.append(f"{name} = %({name})s")
            bounds[name] = where[name]
    chosen = " AND ".join(asked) or "true"
    for place, late, latest in (("occurred_at", "NOT late", until + CLOCK_SKEW), ("booked_at", "late", until)):
        query = _ROWS.format(
            place=place,
            late=late,
            chosen=chosen if counting else "true",
            narrowed="" if counting or not asked else f" AND {chosen}",
        )
        yield from _portions(query, bounds | {"until": until, "latest": latest, "limit": CHUNK}, given_back)


def _months(since: datetime, until: datetime) -> list[datetime]:
    """The beginnings of the months (UTC) from that of `since` to that of `until`."""
    first, last = (at.astimezone(UTC).date() for at in (since, until))
    return [datetime(month.year, month.month, 1, tzinfo=UTC) for month in months_between(first, last)]


def _portions(query: str, bounds: dict[str, Any], given_back: set[int]) -> Iterator[PastEvent]:
    place: tuple[datetime, int] = bounds["since"], 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query, bounds | {"place": place[0], "id": place[1]})
            rows = cursor.fetchall()
        for pk, _, *told in rows:
            yield PastEvent._make((*told, pk in given_back))
        if len(rows) < CHUNK:
            return
        place = rows[-1][1], rows[-1][0]


def work_totals(workspace_id: int, *, since: datetime, until: datetime) -> list[WorkTotal]:
    """Hourly totals of that time per model, task, agent and meter."""
    found = HourUsage.objects.filter(workspace_id=workspace_id, hour__gte=floor_hour(since), hour__lt=until)
    columns = [f"series__{name}" for name in ("provider", "model", "task", "agent", "meter")]
    sums = found.values_list(*columns).annotate(Sum("quantity"), Sum("amount"), Sum("requests")).order_by(*columns)
    return [WorkTotal._make((*row[:6], int(row[6]), int(row[7]))) for row in sums]


def used_by(models: Sequence[tuple[str, str]], *, since: datetime, until: datetime) -> dict[int, set[tuple[str, str]]]:
    """Which of these (provider, model) each workspace used in the hours of that time."""
    if not models:
        return {}
    used: dict[int, set[tuple[str, str]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT used.workspace_id, series.provider, series.model FROM metering_hourusage used"
            " JOIN metering_series series ON series.id = used.series_id"
            " WHERE (series.provider, series.model) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
            " AND used.hour >= %s AND used.hour < %s",
            [[key[0] for key in models], [key[1] for key in models], floor_hour(since), until],
        )
        for workspace_id, provider, model in cursor.fetchall():
            used.setdefault(workspace_id, set()).add((provider, model))
    return used


def models_used(workspace_id: int | None, *, since: datetime, until: datetime) -> set[tuple[str, str]]:
    """(provider, model) of everything that a workspace, or any workspace, used in the hours of that time."""
    found = HourUsage.objects.filter(hour__gte=floor_hour(since), hour__lt=until).exclude(series__model="")
    if workspace_id is not None:
        found = found.filter(workspace_id=workspace_id)
    return set(found.values_list("series__provider", "series__model").distinct())
