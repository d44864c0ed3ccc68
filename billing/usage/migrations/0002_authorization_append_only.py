"""What was expected is not changed by what happened: only so does it tell how good expectations are."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER authorization_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_authorization
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
"""
BACKWARD = "DROP TRIGGER authorization_append_only ON usage_authorization;"


class Migration(migrations.Migration):
    dependencies = [("usage", "0001_authorization")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
