"""What was given back stays given back."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER event_reversal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON metering_eventreversal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
"""
BACKWARD = "DROP TRIGGER event_reversal_append_only ON metering_eventreversal"


class Migration(migrations.Migration):
    dependencies = [("metering", "0007_reverse_charges"), ("ledger", "0003_append_only")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
