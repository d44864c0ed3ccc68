"""Which events a file gets, as the database writes them; and what stays of them in their rows."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection

from billing.metering.models import HourTotal
from billing.metering.rated import CLOCK_SKEW
from billing.metering.selectors.days import next_month

CHUNK = 1_000  # rows read, or changed, at once

# Along an index each (compare selectors.events.booked_events). What waits for a price keeps what it is priced by.
_ROWS = """
SELECT {place}, id, to_jsonb(e)::text FROM metering_usageevent e
WHERE workspace_id = %(workspace)s AND {late} AND booked_at >= %(since)s AND booked_at < %(until)s
    AND {place} >= %(since)s AND {place} < %(latest)s AND ({place}, id) > (%(place)s, %(id)s)
    AND archive_id IS NULL AND problem = '' ORDER BY {place}, id LIMIT %(limit)s
"""
_IN_TIME = _ROWS.format(place="occurred_at", late="NOT late")
_LATE = _ROWS.format(place="booked_at", late="late")

# A reversal needs what was counted where, and what was included: meters, quantities, shares and counters stay.
_THIN = """
UPDATE metering_usageevent SET archive_id = %s, variant = '{}', metadata = '{}', told = NULL, lines = (
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('meter', line->'meter',
        'quantity', line->'quantity', 'from_allowance', line->'from_allowance', 'nano', line->'nano',
        'counter', line->'counter')) ORDER BY place), '[]')
    FROM jsonb_array_elements(lines) WITH ORDINALITY stored(line, place)
) WHERE id = ANY(%s) AND workspace_id = %s AND archive_id IS NULL AND problem = ''
"""


def next_booked_month(workspace_id: int, *, after: date | None, before: date) -> date | None:
    """The first month (UTC) after `after` and before `before` in which usage of the workspace counts."""
    totals = HourTotal.objects.filter(workspace_id=workspace_id, hour__lt=_start(before), requests__gt=0)
    if after is not None:
        totals = totals.filter(hour__gte=_start(next_month(after)))
    hour = totals.order_by("hour").values_list("hour", flat=True).first()
    return None if hour is None else hour.astimezone(UTC).date().replace(day=1)


# Hours tell of which months something was priced later, an index of its events whether that is archived by now.
_LEFT = """
SELECT DISTINCT date_trunc('month', total.hour, 'UTC') FROM metering_hourtotal total
WHERE total.workspace_id = %(workspace)s AND total.hour < %(until)s AND total.priced_later > 0 AND (EXISTS (
        SELECT 1 FROM metering_usageevent e WHERE e.workspace_id = total.workspace_id AND NOT e.late
            AND e.occurred_at >= total.hour AND e.occurred_at < total.hour + interval '1 hour' + %(skew)s
            AND e.booked_at >= total.hour AND e.booked_at < total.hour + interval '1 hour'
            AND e.archive_id IS NULL AND e.problem = ''
    ) OR EXISTS (
        SELECT 1 FROM metering_usageevent e WHERE e.workspace_id = total.workspace_id AND e.late
            AND e.booked_at >= total.hour AND e.booked_at < total.hour + interval '1 hour'
            AND e.archive_id IS NULL AND e.problem = ''
    ))
ORDER BY 1
"""


def months_left(workspace_id: int, *, until: date) -> list[date]:
    """Months (UTC) up to `until` that were archived before some of their events got their price."""
    bounds = {"workspace": workspace_id, "until": _start(next_month(until)), "skew": CLOCK_SKEW}
    return [month.astimezone(UTC).date() for (month,) in _fetch(_LEFT, bounds)]


def rows_of(workspace_id: int, month: date) -> Iterator[tuple[int, str]]:
    """(id, JSON) of the events that count in the month and are not archived, in time and late ones."""
    since, until = _start(month), _start(next_month(month))
    for query, latest in ((_IN_TIME, until + CLOCK_SKEW), (_LATE, until)):
        place: tuple[datetime, int] = since, 0
        while True:
            bounds = {"workspace": workspace_id, "since": since, "until": until, "latest": latest}
            rows = _fetch(query, bounds | {"place": place[0], "id": place[1], "limit": CHUNK})
            yield from ((pk, text) for _, pk, text in rows)
            if len(rows) < CHUNK:
                break
            place = rows[-1][0], rows[-1][1]


def thin(workspace_id: int, archive_id: int, events: Sequence[int]) -> int:
    """Take the details out of these rows, in short transactions; how many still had them."""
    done = 0
    for start in range(0, len(events), CHUNK):
        with connection.cursor() as cursor:
            cursor.execute(_THIN, [archive_id, list(events[start : start + CHUNK]), workspace_id])
            done += cursor.rowcount
    return done


def _start(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def _fetch(query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
