"""An event stays as it was recorded. The one change there is: it waited for a price, and got one."""

from django.db import migrations

# By row, and only for updates, so that recording pays nothing for it. Writing a row anew without a change is allowed.
FORWARD = """
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
            'problem', 'unrated_as', 'priced_at', 'provider', 'model', 'lines', 'amount', 'cost_usd', 'operation_id',
            'offset'
        ] THEN
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
"""
BACKWARD = """
DROP TRIGGER usage_events_not_emptied ON metering_usageevent;
DROP TRIGGER usage_event_kept ON metering_usageevent;
DROP FUNCTION metering_keep_event();
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0012_charge_events_that_waited"), ("ledger", "0003_append_only")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
