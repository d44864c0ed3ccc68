from django.db import migrations

CREATE = """
CREATE UNLOGGED TABLE api_rate_window (
    key_id bigint NOT NULL,
    minute bigint NOT NULL,
    used bigint NOT NULL,
    PRIMARY KEY (key_id, minute)
) WITH (fillfactor = 50)
"""


class Migration(migrations.Migration):
    """Requests taken per key and minute. Unlogged: a crash forgets at most the current minute."""

    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [migrations.RunSQL(CREATE, "DROP TABLE api_rate_window")]
