"""A wallet keeps the bound at which the next usage alert may be due."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0014_topup_bound")]
    operations = [migrations.AddField("wallet", "alert_bound", models.BigIntegerField(null=True))]
