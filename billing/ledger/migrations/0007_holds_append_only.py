"""A hold is written once and resolved once; only how long it is open changes, until it is not."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER hold_kept BEFORE DELETE OR TRUNCATE ON ledger_hold
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER hold_terms_fixed
    BEFORE UPDATE OF operation_id, workspace_id, origin, amount, overdraft, label, created_at, expires_at
    ON ledger_hold FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER hold_stays_resolved BEFORE UPDATE OF open_until ON ledger_hold
    FOR EACH ROW WHEN (OLD.open_until IS NULL AND NEW.open_until IS NOT NULL)
    EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER hold_extension_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_holdextension
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER hold_resolution_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_holdresolution
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
"""
BACKWARD = """
DROP TRIGGER hold_resolution_append_only ON ledger_holdresolution;
DROP TRIGGER hold_extension_append_only ON ledger_holdextension;
DROP TRIGGER hold_stays_resolved ON ledger_hold;
DROP TRIGGER hold_terms_fixed ON ledger_hold;
DROP TRIGGER hold_kept ON ledger_hold;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_holds")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
