"""Usage that was recorded before its upstream cost was kept gets it, from the catalogue line that each of its lines
names. Events whose details are in an archive name none any more: they stay at zero.

Some events at a time, each portion in a transaction of its own: what was stopped on the way goes on where it was.
"""

import time

from django.db import OperationalError, migrations, transaction
from psycopg.errors import LockNotAvailable

PORTION = 2_000
PAUSE = 1.0  # seconds

# New usage queues behind a lock that is waited for, so it is not waited for long.
_SHORT = "SET LOCAL lock_timeout = '1s'"

_END = "SELECT max(id) FROM (SELECT id FROM metering_usageevent WHERE id > %s ORDER BY id LIMIT %s) portion"
_OPEN = "ALTER TABLE metering_usageevent DISABLE TRIGGER usage_event_kept"
_CLOSE = "ALTER TABLE metering_usageevent ENABLE TRIGGER usage_event_kept"

# Rounded once per line, half-even: quotient and remainder are exact. Per hour it is added to the series that counted
# the line; where that one was folded into "other", to the most similar one of the hour. An event with a cost was in a
# portion before this one, or was recorded with it.
_FORWARD = """
WITH upstream_of_before AS MATERIALIZED (
    SELECT event.id, event.workspace_id, date_trunc('hour', event.booked_at, 'UTC') AS hour, event.provider,
        event.model, line->>'meter' AS meter, event.project_id, event.task, event.agent, event.app, event.api_key_id,
        whole + CASE WHEN 2 * (exact - whole * price.per) > price.per
            OR (2 * (exact - whole * price.per) = price.per AND whole %% 2 = 1) THEN 1 ELSE 0 END AS nano
    FROM metering_usageevent event
    CROSS JOIN LATERAL jsonb_array_elements(event.lines) line
    JOIN pricing_priceline price ON price.id = (line->>'price_id')::bigint
        AND (price.model <> '' OR price.markup_percent IS NOT NULL)
    CROSS JOIN LATERAL (SELECT (line->>'quantity')::numeric * price.price * 1000000000 AS exact) charged
    CROSS JOIN LATERAL (SELECT div(exact, price.per) AS whole) divided
    WHERE event.id > %s AND event.id <= %s AND event.upstream = 0
), of_events AS (
    UPDATE metering_usageevent event SET upstream = summed.nano
    FROM (SELECT id, sum(nano) AS nano FROM upstream_of_before GROUP BY id HAVING sum(nano) <> 0) summed
    WHERE event.id = summed.id
)
UPDATE metering_hourusage used SET upstream = used.upstream + placed.nano
FROM (
    SELECT found.id, sum(line.nano) AS nano
    FROM (
        SELECT workspace_id, hour, provider, model, meter, project_id, task, agent, app, api_key_id, sum(nano) AS nano
        FROM upstream_of_before GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    ) line
    CROSS JOIN LATERAL (
        SELECT used.id FROM metering_hourusage used JOIN metering_series series ON series.id = used.series_id
        WHERE used.workspace_id = line.workspace_id AND used.hour = line.hour
        ORDER BY (series.provider, series.model) = (line.provider, line.model) DESC, series.meter = line.meter DESC,
            (series.project_id, series.task, series.agent, series.app, series.api_key_id)
                IS NOT DISTINCT FROM (line.project_id, line.task, line.agent, line.app, line.api_key_id) DESC,
            used.id
        LIMIT 1
    ) found
    GROUP BY found.id
) placed
WHERE used.id = placed.id
"""


def forward(_apps, schema_editor):
    connection, after = schema_editor.connection, 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_END, [after, PORTION])
            (until,) = cursor.fetchone()
        if until is None:
            return
        try:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                cursor.execute(_SHORT)
                cursor.execute(_OPEN)
                cursor.execute(_FORWARD, [after, until])
                cursor.execute(_CLOSE)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            time.sleep(PAUSE)  # and the same portion again
            continue
        after = until


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("metering", "0019_keep_what_usage_costs_upstream"),
        ("pricing", "0011_terms_are_whole"),
    ]
    operations = [migrations.RunPython(forward, migrations.RunPython.noop)]
