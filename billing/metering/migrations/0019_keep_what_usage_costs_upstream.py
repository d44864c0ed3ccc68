"""Events and hours keep what the operator pays for them; an event that waited for a price gets it along with that.
The totals of a stretch of time are found without reading the hours of before.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models

_KEEP_EVENT = """
CREATE OR REPLACE FUNCTION metering_keep_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed text[];
BEGIN
    IF starts_with(current_database(), 'test_') AND current_setting('purser.ledger_rewrite', true) = 'on' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT coalesce(array_agg(after.key), '{{}}') INTO changed
        FROM jsonb_each(to_jsonb(NEW)) after JOIN jsonb_each(to_jsonb(OLD)) before USING (key)
        WHERE after.value IS DISTINCT FROM before.value;
        IF changed = '{{}}' THEN
            RETURN NEW;
        END IF;
        IF OLD.problem <> '' AND NEW.unrated_as = OLD.problem AND NEW.priced_at IS NOT NULL AND changed <@ ARRAY[
            'problem', 'unrated_as', 'priced_at', 'provider', 'model', 'lines', 'amount', 'cost_usd', {upstream}
            'operation_id', 'offset'
        ] THEN
            RETURN NEW;
        END IF;
        IF OLD.archive_id IS NULL AND OLD.problem = ''
            AND changed <@ ARRAY['archive_id', 'variant', 'metadata', 'told', 'lines']
            AND EXISTS (SELECT 1 FROM metering_eventarchive archive
                WHERE archive.id = NEW.archive_id AND archive.workspace_id = NEW.workspace_id)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'usage events are kept as they were recorded: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation', HINT = 'Take a wrong charge back by a reversal instead.';
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0018_count_months")]
    operations = [
        migrations.AddField("usageevent", "upstream", models.BigIntegerField(db_default=0, default=0)),
        migrations.AddField("hourusage", "upstream", models.BigIntegerField(db_default=0, default=0)),
        migrations.AddIndex(
            "hourusage",
            BrinIndex(fields=["hour"], autosummarize=True, pages_per_range=32, name="hour_usage_by_time"),
        ),
        migrations.RunSQL(_KEEP_EVENT.format(upstream="'upstream',"), _KEEP_EVENT.format(upstream="")),
    ]
