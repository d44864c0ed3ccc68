from django.db import migrations

CREATE = """
DROP TABLE api_rate_window;
CREATE UNLOGGED TABLE api_rate_window (
    key varchar(16) NOT NULL,
    minute bigint NOT NULL,
    used bigint NOT NULL,
    PRIMARY KEY (key, minute)
) WITH (fillfactor = 50)
"""


class Migration(migrations.Migration):
    """Count by the key's prefix: it names a key also where several installations share a Redis."""

    dependencies = [("api", "0001_rate_window")]
    operations = [migrations.RunSQL(CREATE, migrations.RunSQL.noop)]
