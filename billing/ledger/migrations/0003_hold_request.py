"""A hold says what it was placed for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_as_left")]

    operations = [
        migrations.AddField("hold", "request", models.JSONField(null=True)),
    ]
