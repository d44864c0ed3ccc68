"""Packs may be for sale from a day on, or until one."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('packs', '0006_disputes_of_invoices'),
    ]

    operations = [
        migrations.AddField(
            model_name='pack',
            name='ends_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='pack',
            name='starts_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='pack',
            constraint=models.CheckConstraint(condition=models.Q(('starts_at', None), ('ends_at', None), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='pack_ends_after_its_start'),
        ),
    ]
