"""Requests taken per minute and key, or workspace. Unlogged: a crash forgets at most the current minute.

A key is counted by its prefix: it names a key also where several installations share a Redis.
"""

from django.db import migrations

CREATE = """
CREATE UNLOGGED TABLE api_rate_window (
    key varchar(40) NOT NULL,
    minute bigint NOT NULL,
    used bigint NOT NULL,
    PRIMARY KEY (key, minute)
) WITH (fillfactor = 50)
"""


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ("api", "0001_rate_window"),
        ("api", "0002_rate_window_by_prefix"),
        ("api", "0003_rate_window_of_workspaces"),
    ]
    dependencies: list[tuple[str, str]] = []
    operations = [migrations.RunSQL(CREATE, "DROP TABLE api_rate_window")]
