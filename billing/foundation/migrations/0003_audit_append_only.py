"""The audit log is written once: the database refuses to change or remove entries."""

from django.db import migrations

# A person or workspace that is removed may leave the entry's reference, nothing else; the label keeps the name.
# The tests empty their own database between two tests: that needs the database's name and the setting, as in the ledger.
FORWARD = """
CREATE FUNCTION audit_refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF starts_with(current_database(), 'test_') AND current_setting('purser.ledger_rewrite', true) = 'on' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD WHEN 'UPDATE' THEN NEW ELSE NULL END;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.actor_id IS NULL OR NEW.actor_id = OLD.actor_id)
            AND (NEW.workspace_id IS NULL OR NEW.workspace_id = OLD.workspace_id)
            AND to_jsonb(NEW) - 'actor_id' - 'workspace_id' = to_jsonb(OLD) - 'actor_id' - 'workspace_id'
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON foundation_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_rewrite();
CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON foundation_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_rewrite();
"""

BACKWARD = """
DROP TRIGGER audit_not_emptied ON foundation_auditentry;
DROP TRIGGER audit_append_only ON foundation_auditentry;
DROP FUNCTION audit_refuse_rewrite();
"""


class Migration(migrations.Migration):
    dependencies = [("foundation", "0002_outbox_claimed_at")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
