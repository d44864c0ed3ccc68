"""A wallet keeps the bound under which a top-up is due."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0013_open_holds")]
    operations = [
        migrations.AddField("wallet", "topup_bound", models.BigIntegerField(db_default=0, default=0)),
        migrations.AddConstraint(
            "wallet",
            models.CheckConstraint(condition=models.Q(topup_bound__gte=0), name="wallet_topup_bound_not_negative"),
        ),
    ]
