"""Room for the dearest charge in USD, and the balance a single post was answered with."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('metering', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='usageevent',
            name='cost_usd',
            field=models.DecimalField(decimal_places=15, default=0, max_digits=30),
        ),
        migrations.AddField(
            model_name='usageevent',
            name='told',
            field=models.JSONField(null=True),
        ),
    ]
