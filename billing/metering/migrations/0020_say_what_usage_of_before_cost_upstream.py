"""Usage that was recorded before its upstream cost was kept gets it, from the catalogue line that each of its lines
names. Events whose details are in an archive name none any more: they stay at zero.
"""

from django.db import migrations

# Rounded once per line, half-even: quotient and remainder are exact. Per hour it goes to the series that counted the
# line; where that one was folded into "other", to the most similar one of the hour.
FORWARD = """
CREATE TEMPORARY TABLE upstream_of_before ON COMMIT DROP AS
SELECT event.id, event.workspace_id, date_trunc('hour', event.booked_at, 'UTC') AS hour, event.provider, event.model,
    line->>'meter' AS meter, event.project_id, event.task, event.agent, event.app, event.api_key_id,
    whole + CASE WHEN 2 * (exact - whole * price.per) > price.per
        OR (2 * (exact - whole * price.per) = price.per AND whole % 2 = 1) THEN 1 ELSE 0 END AS nano
FROM metering_usageevent event
CROSS JOIN LATERAL jsonb_array_elements(event.lines) line
JOIN pricing_priceline price ON price.id = (line->>'price_id')::bigint
    AND (price.model <> '' OR price.markup_percent IS NOT NULL)
CROSS JOIN LATERAL (SELECT (line->>'quantity')::numeric * price.price * 1000000000 AS exact) charged
CROSS JOIN LATERAL (SELECT div(exact, price.per) AS whole) divided;

ALTER TABLE metering_usageevent DISABLE TRIGGER usage_event_kept;
UPDATE metering_usageevent event SET upstream = summed.nano
FROM (SELECT id, sum(nano) AS nano FROM upstream_of_before GROUP BY id HAVING sum(nano) <> 0) summed
WHERE event.id = summed.id;
ALTER TABLE metering_usageevent ENABLE TRIGGER usage_event_kept;

UPDATE metering_hourusage used SET upstream = placed.nano
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
WHERE used.id = placed.id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0019_keep_what_usage_costs_upstream"),
        ("pricing", "0011_terms_are_whole"),
    ]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
