"""Kept sums of the ledger: what each day and month moved, at what price."""

import django.db.models.deletion
from django.db import migrations, models

from accounts.tables import CreateTables


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ('accounts', '0001_squashed_0008_erased_people'),
    ]
    operations = [
        CreateTables(
            models=[
                migrations.CreateModel(
                    name='SummedUntil',
                    fields=[
                        ('workspace', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='accounts.workspace')),
                        ('seq', models.BigIntegerField(default=0)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('seq__gte', 0)), name='summed_until_not_negative')],
                    },
                ),
                migrations.CreateModel(
                    name='DaySum',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('day', models.DateField()),
                        ('kind', models.CharField(max_length=30)),
                        ('debit', models.CharField(max_length=20)),
                        ('credit', models.CharField(max_length=20)),
                        ('source', models.CharField(blank=True, max_length=10)),
                        ('unit_price_usd', models.DecimalField(decimal_places=12, max_digits=18)),
                        ('amount', models.DecimalField(decimal_places=0, max_digits=30)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['day'], name='day_sum_by_day')],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'day', 'kind', 'debit', 'credit', 'source', 'unit_price_usd'), name='day_sum_once'), models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('unit_price_usd__gte', 0)), name='day_sum_positive')],
                    },
                ),
                migrations.CreateModel(
                    name='MonthSum',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('day', models.DateField()),
                        ('kind', models.CharField(max_length=30)),
                        ('debit', models.CharField(max_length=20)),
                        ('credit', models.CharField(max_length=20)),
                        ('source', models.CharField(blank=True, max_length=10)),
                        ('unit_price_usd', models.DecimalField(decimal_places=12, max_digits=18)),
                        ('amount', models.DecimalField(decimal_places=0, max_digits=30)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['day'], name='month_sum_by_month')],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'day', 'kind', 'debit', 'credit', 'source', 'unit_price_usd'), name='month_sum_once'), models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('unit_price_usd__gte', 0), ('day__day', 1)), name='month_sum_positive')],
                    },
                ),
            ],
        ),
    ]
