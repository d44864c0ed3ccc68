"""Holds with their extensions and resolutions, and the repayments of debt that a correction may have to undo."""

import datetime
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_invitation_recent_sends'),
        ('ledger', '0005_face_value_waits_for_the_first_entry'),
    ]

    operations = [
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('operation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='hold', serialize=False, to='ledger.operation')),
                ('origin', models.CharField(max_length=200)),
                ('amount', models.BigIntegerField()),
                ('overdraft', models.BigIntegerField(default=0)),
                ('label', models.CharField(blank=True, max_length=250)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('open_until', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='HoldExtension',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('expires_at', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(condition=models.Q(('kind', 'debt.repay')), fields=['workspace', '-seq'], name='transfer_repayment'),
        ),
        migrations.AddField(
            model_name='hold',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace'),
        ),
        migrations.AddField(
            model_name='holdextension',
            name='hold',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='extensions', to='ledger.hold'),
        ),
        migrations.AddField(
            model_name='holdextension',
            name='operation',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.operation'),
        ),
        migrations.CreateModel(
            name='HoldResolution',
            fields=[
                ('hold', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='resolution', serialize=False, to='ledger.hold')),
                ('kind', models.CharField(choices=[('settle', 'Settle'), ('release', 'Release'), ('expire', 'Expire')], max_length=10)),
                ('created_at', models.DateTimeField()),
                ('operation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='resolves', to='ledger.operation')),
            ],
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(condition=models.Q(('open_until__isnull', False)), fields=['workspace', 'open_until'], name='hold_open_in_workspace'),
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(fields=['workspace', '-operation'], name='hold_of_workspace'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='hold_amount_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('overdraft__gte', 0), ('overdraft__lte', models.F('amount'))), name='hold_overdraft_within_amount'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at')), ('expires_at__lte', django.db.models.expressions.CombinedExpression(models.F('created_at'), '+', models.Value(datetime.timedelta(days=1)))), models.Q(('open_until', None), ('open_until__lte', django.db.models.expressions.CombinedExpression(models.F('created_at'), '+', models.Value(datetime.timedelta(days=1)))), _connector='OR')), name='hold_lives_a_day_at_most'),
        ),
        migrations.AddConstraint(
            model_name='holdresolution',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['settle', 'release', 'expire'])), name='hold_resolution_kind'),
        ),
    ]
