"""A wallet counts its open holds; that nothing of it is negative is one comparison."""

from django.db import migrations, models
from django.db.models.functions import Least
from django.db.models.lookups import GreaterThanOrEqual

COUNT = """
UPDATE ledger_wallet w SET open_holds = counted.holds FROM (
    SELECT workspace_id, count(*) AS holds FROM ledger_hold WHERE open_until IS NOT NULL GROUP BY workspace_id
) counted WHERE counted.workspace_id = w.workspace_id
"""
AMOUNTS = ("available", "held", "debt", "overdraft_held", "overdraft_limit", "open_holds")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0012_find_ended_holds_of_a_workspace")]
    operations = [
        migrations.AddField("wallet", "open_holds", models.BigIntegerField(db_default=0, default=0)),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
        migrations.RemoveConstraint("wallet", "wallet_amounts_not_negative"),
        migrations.AddConstraint(
            "wallet",
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Least(*AMOUNTS), models.Value(0)), name="wallet_amounts_not_negative"
            ),
        ),
    ]
