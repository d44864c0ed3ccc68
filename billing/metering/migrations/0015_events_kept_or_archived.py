"""The second change of an event that there is: its details go to a file. That file stays on record."""

from django.db import migrations

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
            'problem', 'unrated_as', 'priced_at', 'provider', 'model', 'lines', 'amount', 'cost_usd', 'operation_id',
            'offset'
        ] THEN
            RETURN NEW;
        END IF;{archive}
    END IF;
    RAISE EXCEPTION 'usage events are kept as they were recorded: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation', HINT = 'Take a wrong charge back by a reversal instead.';
END
$$;
"""
_ARCHIVE = """
        IF OLD.archive_id IS NULL AND OLD.problem = ''
            AND changed <@ ARRAY['archive_id', 'variant', 'metadata', 'told', 'lines']
            AND EXISTS (SELECT 1 FROM metering_eventarchive archive
                WHERE archive.id = NEW.archive_id AND archive.workspace_id = NEW.workspace_id)
        THEN
            RETURN NEW;
        END IF;"""
FORWARD = (
    _KEEP_EVENT.format(archive=_ARCHIVE)
    + """
CREATE TRIGGER event_archive_kept BEFORE DELETE OR TRUNCATE ON metering_eventarchive
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER event_archive_fixed
    BEFORE UPDATE OF id, workspace_id, month, part, file, sha256, events, created_at
    ON metering_eventarchive FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
"""
)
BACKWARD = (
    """
DROP TRIGGER event_archive_fixed ON metering_eventarchive;
DROP TRIGGER event_archive_kept ON metering_eventarchive;
"""
    + _KEEP_EVENT.format(archive="")
)


class Migration(migrations.Migration):
    dependencies = [("metering", "0014_archive_details_of_old_events"), ("ledger", "0003_append_only")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
