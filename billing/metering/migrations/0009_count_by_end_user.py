"""Hourly totals per end user of the events that name one, and an index that lists those events."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_portal_link'),
        ('ledger', '0009_find_expiries_of_a_workspace'),
        ('metering', '0008_reversals_append_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='EndUser',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='EndUserHour',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hour', models.DateTimeField()),
                ('amount', models.BigIntegerField()),
                ('requests', models.BigIntegerField()),
                ('tokens', models.DecimalField(decimal_places=9, max_digits=30)),
                ('quantity', models.DecimalField(decimal_places=9, max_digits=30)),
            ],
        ),
        migrations.AddIndex(
            model_name='usageevent',
            index=models.Index(condition=models.Q(('end_user', ''), _negated=True), fields=['workspace', 'end_user', '-occurred_at', '-id'], name='usage_event_of_end_user'),
        ),
        migrations.AddField(
            model_name='enduser',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace'),
        ),
        migrations.AddField(
            model_name='enduserhour',
            name='end_user',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='metering.enduser'),
        ),
        migrations.AddField(
            model_name='enduserhour',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace'),
        ),
        migrations.AddIndex(
            model_name='enduser',
            index=models.Index(fields=['workspace', 'created_at'], name='end_user_new_today'),
        ),
        migrations.AddConstraint(
            model_name='enduser',
            constraint=models.UniqueConstraint(fields=('workspace', 'name'), name='end_user_once'),
        ),
        migrations.AddConstraint(
            model_name='enduser',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='end_user_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='enduserhour',
            constraint=models.UniqueConstraint(fields=('workspace', 'hour', 'end_user'), name='end_user_hour_once'),
        ),
        migrations.AddConstraint(
            model_name='enduserhour',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='end_user_hour_amount_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='enduserhour',
            constraint=models.CheckConstraint(condition=models.Q(('requests__gte', 0)), name='end_user_hour_requests_not_negative'),
        ),
    ]
