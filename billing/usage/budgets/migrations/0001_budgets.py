"""Budgets of workspaces, projects, keys and members, what they hold, and how fast keys spend."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from accounts.tables import CreateTables


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ('accounts', '0001_squashed_0008_erased_people'),
        ('ledger', '0001_squashed_0018_list_what_came_in_on_some_days'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        CreateTables(
            models=[
                migrations.CreateModel(
                    name='Budget',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='budgets', to='accounts.workspace')),
                        ('project', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.project')),
                        ('api_key', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.apikey')),
                        ('member', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('period', models.CharField(choices=[('day', 'Day'), ('month', 'Month')], max_length=5)),
                        ('amount', models.BigIntegerField()),
                        ('stops', models.BooleanField()),
                        ('held', models.BigIntegerField(default=0)),
                        ('counts_from', models.DateTimeField()),
                        ('changes', models.PositiveIntegerField(default=0)),
                        ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('created_at', models.DateTimeField()),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'project', 'api_key', 'member', 'period'), name='budget_one_per_subject_and_period', nulls_distinct=False), models.CheckConstraint(condition=models.Q(models.Q(('api_key', None), ('project', None)), models.Q(('member', None), ('project', None)), models.Q(('api_key', None), ('member', None)), _connector='OR'), name='budget_of_one_subject'), models.CheckConstraint(condition=models.Q(('period__in', ['day', 'month'])), name='budget_period'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='budget_amount_positive'), models.CheckConstraint(condition=models.Q(('held__gte', 0)), name='budget_held_not_negative')],
                    },
                ),
                migrations.CreateModel(
                    name='BudgetHold',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('hold', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.hold')),
                        ('budget', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='holds', to='budgets.budget')),
                        ('amount', models.BigIntegerField()),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('hold', 'budget'), name='budget_hold_once'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='budget_hold_of_something')],
                    },
                ),
                migrations.CreateModel(
                    name='BudgetPeriod',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('budget', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='periods', to='budgets.budget')),
                        ('starts_at', models.DateTimeField()),
                        ('ends_at', models.DateTimeField()),
                        ('spent', models.DecimalField(decimal_places=0, max_digits=30)),
                        ('told_percent', models.PositiveSmallIntegerField(db_default=0, default=0)),
                        ('refused_at', models.DateTimeField(null=True)),
                        ('refusal_told', models.BooleanField(db_default=False, default=False)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['ends_at'], name='budget_period_running')],
                        'constraints': [models.UniqueConstraint(fields=('budget', 'starts_at'), name='budget_period_once'), models.CheckConstraint(condition=models.Q(('spent__gte', 0)), name='budget_period_spent_not_negative'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='budget_period_ends_later')],
                    },
                ),
                migrations.CreateModel(
                    name='KeyPace',
                    fields=[
                        ('api_key', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='pace', serialize=False, to='accounts.apikey')),
                        ('workspace', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
                        ('minute', models.DateTimeField()),
                        ('spent', models.BigIntegerField()),
                        ('week', models.DateField()),
                        ('busiest', models.BigIntegerField(default=0)),
                        ('busiest_before', models.BigIntegerField(default=0)),
                        ('paused_at', models.DateTimeField(null=True)),
                        ('paused_spent', models.BigIntegerField(default=0)),
                        ('paused_usual', models.BigIntegerField(default=0)),
                        ('told_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('paused_at__isnull', False), ('told_at', None)), fields=['paused_at'], name='key_pace_pause_not_told')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('busiest__gte', 0), ('busiest_before__gte', 0), ('spent__gte', 0)), name='key_pace_not_negative')],
                    },
                ),
            ],
        ),
    ]
