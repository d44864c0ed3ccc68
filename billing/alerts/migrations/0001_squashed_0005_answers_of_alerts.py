"""Notices, usage alerts and webhooks."""

import billing.alerts.webhooks.models
import billing.credits.clock
import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from accounts.tables import CreateTables


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ('alerts', '0001_price_notices'),
        ('alerts', '0002_webhooks'),
        ('alerts', '0003_usage_alerts'),
        ('alerts', '0004_notices'),
        ('alerts', '0005_answers_of_alerts'),
    ]
    dependencies = [
        ('accounts', '0001_squashed_0008_erased_people'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        CreateTables(
            models=[
                migrations.CreateModel(
                    name='PriceWatch',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('began_at', models.DateTimeField()),
                        ('looked_at', models.DateTimeField()),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='price_watch_one_row')],
                    },
                ),
                migrations.CreateModel(
                    name='PriceNotice',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
                        ('provider', models.CharField(max_length=80)),
                        ('model', models.CharField(max_length=200)),
                        ('effective_at', models.DateTimeField()),
                        ('rise', models.BooleanField()),
                        ('told_at', models.DateTimeField()),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'provider', 'model', 'effective_at', 'rise'), name='price_notice_once'), models.CheckConstraint(condition=models.Q(('rise', True), ('told_at__gte', models.F('effective_at')), _connector='OR'), name='price_notice_of_drop_at_effect')],
                    },
                ),
                migrations.CreateModel(
                    name='WebhookBalance',
                    fields=[
                        ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='accounts.workspace')),
                        ('state', models.CharField(max_length=7)),
                        ('changes', models.PositiveIntegerField(default=0)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['healthy', 'low', 'stopped'])), name='webhook_balance_state')],
                    },
                ),
                migrations.CreateModel(
                    name='WebhookEndpoint',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('public_id', models.CharField(default=billing.alerts.webhooks.models.new_endpoint_id, editable=False, max_length=40, unique=True)),
                        ('workspace', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('url', models.CharField(max_length=1000)),
                        ('description', models.CharField(blank=True, max_length=120)),
                        ('event_types', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None)),
                        ('secret', models.TextField(editable=False)),
                        ('former_secret', models.TextField(blank=True, editable=False)),
                        ('former_until', models.DateTimeField(blank=True, null=True)),
                        ('off', models.CharField(blank=True, choices=[('person', 'Switched off'), ('failing', 'Switched off after days of failures'), ('gone', 'Switched off by its receiver (410)')], max_length=7)),
                        ('off_at', models.DateTimeField(blank=True, null=True)),
                        ('failures', models.PositiveIntegerField(default=0)),
                        ('failing_since', models.DateTimeField(blank=True, null=True)),
                        ('busy_until', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('quiet_until', models.DateTimeField(blank=True, null=True)),
                        ('attempted_at', models.DateTimeField(blank=True, null=True)),
                        ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('created_at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
                    ],
                    options={
                        'ordering': ['created_at', 'id'],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('off', ''), ('off_at', None)), models.Q(('off__in', ['person', 'failing', 'gone']), ('off_at__isnull', False)), _connector='OR'), name='webhook_endpoint_on_or_off'), models.CheckConstraint(condition=models.Q(('event_types__len__gt', 0)), name='webhook_endpoint_hears_of_something'), models.CheckConstraint(condition=models.Q(models.Q(('former_secret', ''), ('former_until', None)), models.Q(models.Q(('former_secret', ''), _negated=True), ('former_until__isnull', False)), _connector='OR'), name='webhook_endpoint_former_secret_ends'), models.CheckConstraint(condition=models.Q(models.Q(('failing_since', None), ('failures', 0)), models.Q(('failing_since__isnull', False), ('failures__gt', 0)), _connector='OR'), name='webhook_endpoint_failing_since'), models.CheckConstraint(condition=models.Q(('url__regex', '^https?://[^\\s]+$')), name='webhook_endpoint_url')],
                    },
                ),
                migrations.CreateModel(
                    name='WebhookEvent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('public_id', models.CharField(default=billing.alerts.webhooks.models.new_event_id, editable=False, max_length=40, unique=True)),
                        ('workspace', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('type', models.CharField(max_length=40)),
                        ('key', models.CharField(max_length=200)),
                        ('payload', models.TextField()),
                        ('created_at', models.DateTimeField()),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['created_at'], name='webhook_event_age')],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'key'), name='webhook_event_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('workspace__isnull', False), ('type', 'webhook.test'), _connector='OR'), name='webhook_event_of_a_workspace')],
                    },
                ),
                migrations.CreateModel(
                    name='WebhookDelivery',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('event', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='alerts.webhookevent')),
                        ('endpoint', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='alerts.webhookendpoint')),
                        ('status', models.CharField(choices=[('pending', 'Waiting'), ('delivered', 'Delivered'), ('failed', 'Failed')], default='pending', max_length=9)),
                        ('attempts', models.PositiveIntegerField(default=0)),
                        ('tries', models.PositiveSmallIntegerField(default=0)),
                        ('next_attempt_at', models.DateTimeField(blank=True, null=True)),
                        ('give_up_at', models.DateTimeField()),
                        ('delivered_at', models.DateTimeField(blank=True, null=True)),
                        ('created_at', models.DateTimeField()),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['endpoint', '-id'], name='webhook_delivery_log'), models.Index(condition=models.Q(('status', 'pending')), fields=['endpoint', 'next_attempt_at'], name='webhook_delivery_due'), models.Index(condition=models.Q(('status', 'pending')), fields=['give_up_at'], name='webhook_delivery_over')],
                        'constraints': [models.UniqueConstraint(fields=('event', 'endpoint'), name='webhook_delivery_once'), models.CheckConstraint(condition=models.Q(models.Q(('delivered_at', None), ('next_attempt_at__isnull', False), ('status', 'pending')), models.Q(('delivered_at__isnull', False), ('next_attempt_at', None), ('status', 'delivered')), models.Q(('delivered_at', None), ('next_attempt_at', None), ('status', 'failed')), _connector='OR'), name='webhook_delivery_status'), models.CheckConstraint(condition=models.Q(('tries__lte', models.F('attempts'))), name='webhook_delivery_tries_of_attempts')],
                    },
                ),
                migrations.CreateModel(
                    name='WebhookWatch',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('lot_id', models.BigIntegerField()),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='webhook_watch_one_row')],
                    },
                ),
                migrations.CreateModel(
                    name='WebhookAttempt',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('delivery', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='made', to='alerts.webhookdelivery')),
                        ('number', models.PositiveIntegerField()),
                        ('began_at', models.DateTimeField()),
                        ('milliseconds', models.PositiveIntegerField(null=True)),
                        ('status_code', models.PositiveSmallIntegerField(null=True)),
                        ('error', models.CharField(blank=True, max_length=500)),
                        ('response', models.TextField(blank=True)),
                    ],
                    options={
                        'ordering': ['-number'],
                        'constraints': [models.UniqueConstraint(fields=('delivery', 'number'), name='webhook_attempt_number'), models.CheckConstraint(condition=models.Q(('milliseconds__isnull', False), models.Q(('error', ''), ('response', ''), ('status_code', None)), _connector='OR'), name='webhook_attempt_answer_at_its_end')],
                    },
                ),
                migrations.CreateModel(
                    name='AlertSettings',
                    fields=[
                        ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='accounts.workspace')),
                        ('at_50', models.BooleanField(default=True)),
                        ('at_75', models.BooleanField(default=True)),
                        ('at_90', models.BooleanField(default=True)),
                        ('at_100', models.BooleanField(default=True)),
                        ('low_credits', models.BigIntegerField(blank=True, null=True)),
                        ('low_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('month_cents', models.BigIntegerField(blank=True, null=True)),
                        ('updated_at', models.DateTimeField(default=billing.credits.clock.now)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('low_credits', None), ('low_credits__gt', 0), _connector='OR'), models.Q(('low_days', None), models.Q(('low_days__gte', 1), ('low_days__lte', 90)), _connector='OR'), models.Q(('month_cents', None), ('month_cents__gt', 0), _connector='OR')), name='alert_settings_above_nothing')],
                    },
                ),
                migrations.CreateModel(
                    name='UsageWatch',
                    fields=[
                        ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='accounts.workspace')),
                        ('granted', models.BigIntegerField(default=0)),
                        ('period_start', models.DateTimeField()),
                        ('looked_at', models.DateTimeField()),
                        ('look_at', models.DateTimeField()),
                    ],
                    options={
                        'indexes': [models.Index(fields=['look_at'], name='usage_watch_due')],
                    },
                ),
                migrations.CreateModel(
                    name='UsageAlert',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
                        ('alert', models.CharField(max_length=8)),
                        ('key', models.CharField(max_length=80)),
                        ('amount', models.BigIntegerField()),
                        ('used', models.BigIntegerField()),
                        ('balance', models.BigIntegerField()),
                        ('line', models.CharField(max_length=300)),
                        ('told', models.CharField(choices=[('mailed', 'Mailed'), ('waiting', 'Waits for the summary'), ('summary', 'In a summary'), ('quiet', 'Not told anew'), ('nobody', 'Nobody to tell')], max_length=7)),
                        ('mailed_at', models.DateTimeField(null=True)),
                        ('at', models.DateTimeField()),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['workspace', '-at'], name='usage_alert_list'), models.Index(condition=models.Q(('told', 'waiting')), fields=['workspace'], name='usage_alert_waiting')],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'alert', 'key'), name='usage_alert_once'), models.CheckConstraint(condition=models.Q(('alert__in', ['50', '75', '90', '100', 'money', 'low', 'stopped'])), name='usage_alert_known'), models.CheckConstraint(condition=models.Q(models.Q(('mailed_at__isnull', False), ('told__in', ['mailed', 'summary'])), models.Q(('mailed_at', None), ('told__in', ['waiting', 'quiet', 'nobody'])), _connector='OR'), name='usage_alert_mailed_has_its_time')],
                    },
                ),
                migrations.CreateModel(
                    name='Notice',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
                        ('kind', models.CharField(max_length=60)),
                        ('key', models.CharField(max_length=200)),
                        ('audience', models.CharField(max_length=9)),
                        ('title', models.CharField(max_length=500)),
                        ('text', models.TextField()),
                        ('path', models.CharField(blank=True, max_length=1000)),
                        ('button', models.CharField(blank=True, max_length=60)),
                        ('created_at', models.DateTimeField(default=billing.credits.clock.now)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['workspace', '-id'], name='notice_list'), models.Index(fields=['created_at'], name='notice_age')],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'key'), name='notice_once'), models.CheckConstraint(condition=models.Q(('audience__in', ['everyone', 'billing', 'keys', 'team', 'workspace'])), name='notice_audience'), models.CheckConstraint(condition=models.Q(('path', ''), ('path__regex', '^/([^/]|$)'), _connector='OR'), name='notice_path_is_ours')],
                    },
                ),
                migrations.CreateModel(
                    name='NoticeRead',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('notice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='reads', to='alerts.notice')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('at', models.DateTimeField(default=billing.credits.clock.now)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('notice', 'user'), name='notice_read_once')],
                    },
                ),
                migrations.CreateModel(
                    name='AlertsAnswer',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
                        ('key', models.CharField(max_length=260)),
                        ('request_hash', models.BinaryField(max_length=32)),
                        ('answer', models.TextField()),
                        ('at', models.DateTimeField(default=billing.credits.clock.now)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'key'), name='alerts_answer_once_per_key')],
                    },
                ),
            ],
        ),
    ]
