"""Events that named an end user before there were totals of them are counted, net of what was given back."""

from django.db import migrations

FORWARD = """
INSERT INTO metering_enduser (workspace_id, name, created_at)
SELECT workspace_id, end_user, min(recorded_at) FROM metering_usageevent WHERE end_user <> '' GROUP BY 1, 2;

INSERT INTO metering_enduserhour (workspace_id, hour, end_user_id, amount, requests, tokens, quantity)
SELECT event.workspace_id, date_trunc('hour', event.booked_at, 'UTC'), named.id,
    sum(event.amount - coalesce(back.amount, 0)), count(*), sum(sent.tokens), sum(sent.quantity + unsent.quantity)
FROM metering_usageevent event
JOIN metering_enduser named ON named.workspace_id = event.workspace_id AND named.name = event.end_user
LEFT JOIN metering_eventreversal back ON back.event_id = event.id
CROSS JOIN LATERAL (SELECT coalesce(sum(value::numeric), 0) quantity,
    coalesce(sum(value::numeric) FILTER (WHERE key IN ('input_tokens', 'output_tokens', 'embedding_tokens')), 0) tokens
    FROM jsonb_each_text(event.usage)) sent
CROSS JOIN LATERAL (SELECT coalesce(sum((line->>'quantity')::numeric), 0) quantity
    FROM jsonb_array_elements(event.lines) line WHERE NOT jsonb_exists(event.usage, line->>'meter')
    AND NOT (line->>'meter' = 'embedding_tokens' AND jsonb_exists(event.usage, 'input_tokens'))) unsent
WHERE event.end_user <> '' GROUP BY 1, 2, 3;
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0009_count_by_end_user")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
