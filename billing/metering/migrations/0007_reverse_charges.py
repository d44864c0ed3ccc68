"""The charge of an event can be taken back, once; hourly totals are net of that and say so."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_invitation_recent_sends'),
        ('ledger', '0008_find_reversals_in_their_workspace'),
        ('metering', '0006_usage_settles_holds'),
    ]

    operations = [
        migrations.CreateModel(
            name='EventReversal',
            fields=[
                ('event', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='reversal', serialize=False, to='metering.usageevent')),
                ('amount', models.BigIntegerField()),
                ('cancelled', models.BigIntegerField()),
                ('actor', models.CharField(max_length=200)),
                ('reason', models.CharField(max_length=500)),
                ('created_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='hourtotal',
            name='reversed',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddConstraint(
            model_name='hourtotal',
            constraint=models.CheckConstraint(condition=models.Q(('reversed__gte', 0)), name='hour_total_reversed_not_negative'),
        ),
        migrations.AddField(
            model_name='eventreversal',
            name='operation',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.operation'),
        ),
        migrations.AddField(
            model_name='eventreversal',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace'),
        ),
        migrations.AddIndex(
            model_name='eventreversal',
            index=models.Index(fields=['workspace', 'event'], name='event_reversal_of_workspace'),
        ),
        migrations.AddConstraint(
            model_name='eventreversal',
            constraint=models.CheckConstraint(condition=models.Q(('cancelled__gte', 0), ('cancelled__lte', models.F('amount'))), name='event_reversal_cancelled_within_amount'),
        ),
        migrations.AddConstraint(
            model_name='eventreversal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount', 0), ('operation', None)), models.Q(('amount__gt', 0), ('operation__isnull', False)), _connector='OR'), name='event_reversal_by_an_operation'),
        ),
    ]
