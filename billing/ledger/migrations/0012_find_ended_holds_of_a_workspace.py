"""How a hold ended says of which workspace it is, so that released and expired ones are found among many settled."""

import django.db.models.deletion
from django.db import migrations, models

# Written before there was the column; the table refuses changes otherwise.
FILL = """
ALTER TABLE ledger_holdresolution DISABLE TRIGGER hold_resolution_append_only;
UPDATE ledger_holdresolution r SET workspace_id = h.workspace_id FROM ledger_hold h WHERE h.operation_id = r.hold_id;
ALTER TABLE ledger_holdresolution ENABLE TRIGGER hold_resolution_append_only;
"""
WORKSPACE = {
    "on_delete": django.db.models.deletion.PROTECT,
    "related_name": "+",
    "db_index": False,
    "db_constraint": False,
    "to": "accounts.workspace",
}


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_portal_link"), ("ledger", "0011_list_what_requests_did_not_move")]
    operations = [
        migrations.AddField("holdresolution", "workspace", models.ForeignKey(null=True, **WORKSPACE)),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField("holdresolution", "workspace", models.ForeignKey(**WORKSPACE)),
        migrations.AddIndex(
            "holdresolution",
            models.Index(
                fields=["workspace", "kind", "-hold"],
                condition=models.Q(("kind", "settle"), _negated=True),
                name="hold_resolution_not_settled",
            ),
        ),
    ]
