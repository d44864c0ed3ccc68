from django.db import migrations


class Migration(migrations.Migration):
    """Workspaces are counted beside keys; their ids are longer."""

    dependencies = [("api", "0002_rate_window_by_prefix")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE api_rate_window ALTER COLUMN key TYPE varchar(40)",
            # Counters of a minute: the longer ones go.
            "DELETE FROM api_rate_window WHERE length(key) > 16;"
            "ALTER TABLE api_rate_window ALTER COLUMN key TYPE varchar(16)",
        )
    ]
