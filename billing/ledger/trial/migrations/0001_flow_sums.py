"""Kept sums of the history: what each span of transfers moved."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_squashed_0008_erased_people'),
    ]

    operations = [
        migrations.CreateModel(
            name='FlowSum',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('until_seq', models.BigIntegerField()),
                ('since_at', models.DateTimeField()),
                ('until_at', models.DateTimeField()),
                ('kind', models.CharField(max_length=30)),
                ('debit', models.CharField(max_length=20)),
                ('credit', models.CharField(max_length=20)),
                ('source', models.CharField(blank=True, max_length=10)),
                ('amount', models.DecimalField(decimal_places=0, max_digits=30)),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'until_seq', 'kind', 'debit', 'credit', 'source'), name='flow_sum_once'), models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('until_seq__gt', 0)), name='flow_sum_positive')],
            },
        ),
    ]
