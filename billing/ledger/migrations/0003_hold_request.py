"""A hold says what it was placed for, and like its other terms that is not changed."""

from django.db import migrations, models

FORWARD = """
CREATE TRIGGER hold_request_fixed BEFORE UPDATE OF request
    ON ledger_hold FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_as_left")]

    operations = [
        migrations.AddField("hold", "request", models.JSONField(null=True)),
        migrations.RunSQL(FORWARD, "DROP TRIGGER hold_request_fixed ON ledger_hold"),
    ]
