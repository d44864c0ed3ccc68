"""What a plan takes off prices; versions that exist take nothing off."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('plans', '0003_concurrency'),
    ]

    operations = [
        migrations.AddField(
            model_name='planversion',
            name='discounts',
            field=models.JSONField(blank=True, db_default=[], default=list),
        ),
        migrations.AddField(
            model_name='planversion',
            name='tiers',
            field=models.JSONField(blank=True, db_default=[], default=list),
        ),
    ]
