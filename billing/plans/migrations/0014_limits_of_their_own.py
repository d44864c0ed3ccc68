"""What staff agreed on with a customer in place of the limits of its plan."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_suspended_workspaces'),
        ('plans', '0013_scheduled'),
    ]

    operations = [
        migrations.CreateModel(
            name='WorkspaceLimits',
            fields=[
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='accounts.workspace')),
                ('overdraft', models.BigIntegerField(null=True)),
                ('concurrency', models.PositiveIntegerField(null=True)),
                ('request_limits', models.JSONField(default=dict)),
            ],
            options={
                'verbose_name_plural': 'workspace limits',
                'constraints': [models.CheckConstraint(condition=models.Q(('overdraft', None), ('overdraft__gte', 0), _connector='OR'), name='own_overdraft_not_negative'), models.CheckConstraint(condition=models.Q(('concurrency', None), ('concurrency__gt', 0), _connector='OR'), name='own_concurrency_positive')],
            },
        ),
    ]
