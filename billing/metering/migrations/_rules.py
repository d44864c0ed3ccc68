"""What the database itself refuses: events, their archives, what was given back and usage of before stay as they are."""

FORWARD = """
-- An event stays as it was recorded. There are two changes: it waited for a price, and got one; its details went to a
-- file. By row, and only for updates, so that recording pays nothing for it. Writing a row anew without a change is
-- allowed. The tests empty their own database, as in the ledger.
CREATE FUNCTION metering_keep_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed text[];
BEGIN
    IF starts_with(current_database(), 'test_') AND current_setting('purser.ledger_rewrite', true) = 'on' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT coalesce(array_agg(after.key), '{}') INTO changed
        FROM jsonb_each(to_jsonb(NEW)) after JOIN jsonb_each(to_jsonb(OLD)) before USING (key)
        WHERE after.value IS DISTINCT FROM before.value;
        IF changed = '{}' THEN
            RETURN NEW;
        END IF;
        IF OLD.problem <> '' AND NEW.unrated_as = OLD.problem AND NEW.priced_at IS NOT NULL AND changed <@ ARRAY[
            'problem', 'unrated_as', 'priced_at', 'provider', 'model', 'lines', 'amount', 'cost_usd', 'upstream',
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

CREATE TRIGGER usage_event_kept BEFORE UPDATE OR DELETE ON metering_usageevent
    FOR EACH ROW EXECUTE FUNCTION metering_keep_event();
CREATE TRIGGER usage_events_not_emptied BEFORE TRUNCATE ON metering_usageevent
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();

-- That file stays on record.
CREATE TRIGGER event_archive_kept BEFORE DELETE OR TRUNCATE ON metering_eventarchive
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER event_archive_fixed
    BEFORE UPDATE OF id, workspace_id, month, part, file, sha256, events, created_at
    ON metering_eventarchive FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();

-- What was given back stays given back.
CREATE TRIGGER event_reversal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON metering_eventreversal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();

-- Usage of before a workspace came here: imported once.
CREATE TRIGGER earlier_usage_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON metering_earlierusage
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
"""

BACKWARD = """
DROP FUNCTION metering_keep_event() CASCADE;
"""
