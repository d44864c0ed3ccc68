"""The burn order as an index, the transfer that brought a lot in, and no index that nobody reads."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('ledger', '0001_initial'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='lot',
            name='lot_open',
        ),
        migrations.AddField(
            model_name='lot',
            name='open',
            field=models.GeneratedField(db_persist=True, expression=models.Q(('remaining__gt', 0)), output_field=models.BooleanField()),
        ),
        migrations.AddField(
            model_name='lot',
            name='seq',
            field=models.BigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name='lot',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='accounts.workspace'),
        ),
        migrations.AlterField(
            model_name='lottake',
            name='transfer',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='takes', to='ledger.transfer'),
        ),
        migrations.AlterField(
            model_name='operation',
            name='reverses',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversals', to='ledger.operation'),
        ),
        migrations.AlterField(
            model_name='operation',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace'),
        ),
        migrations.AlterField(
            model_name='transfer',
            name='reverses',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.transfer'),
        ),
        migrations.AlterField(
            model_name='transfer',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace'),
        ),
        migrations.AddIndex(
            model_name='lot',
            index=models.Index(models.F('workspace'), models.F('priority'), models.F('expires_at'), models.Case(models.When(source='plan', then=models.Value(0)), models.When(source='promotion', then=models.Value(1)), default=models.Value(2)), models.F('effective_at'), models.F('id'), condition=models.Q(('open', True), ('scheduled', False)), name='lot_burn_order'),
        ),
        migrations.AddIndex(
            model_name='lot',
            index=models.Index(fields=['workspace', '-id'], name='lot_of_workspace'),
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(condition=models.Q(('reverses__isnull', False)), fields=['reverses'], name='operation_reversed'),
        ),
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(condition=models.Q(('reverses__isnull', False)), fields=['reverses'], name='transfer_reversed'),
        ),
        migrations.AddIndex(
            model_name='wallet',
            index=models.Index(condition=models.Q(('next_due_at__isnull', False)), fields=['next_due_at'], name='wallet_due'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.UniqueConstraint(fields=('workspace', 'seq'), name='lot_one_per_transfer'),
        ),
    ]
