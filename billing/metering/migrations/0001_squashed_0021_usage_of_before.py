"""Usage events, what they are counted into, and allowances."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

from accounts.tables import CreateTables
from billing.metering.migrations._rules import BACKWARD, FORWARD


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ('metering', '0001_initial'),
        ('metering', '0002_keep_what_a_post_was_told'),
        ('metering', '0003_charge_and_operation_go_together'),
        ('metering', '0004_find_events_by_operation_cheaply'),
        ('metering', '0005_let_series_vouch_for_keys_and_projects'),
        ('metering', '0006_usage_settles_holds'),
        ('metering', '0007_reverse_charges'),
        ('metering', '0008_reversals_append_only'),
        ('metering', '0009_count_by_end_user'),
        ('metering', '0010_count_end_users_of_before'),
        ('metering', '0011_find_cloudevents_by_id'),
        ('metering', '0012_charge_events_that_waited'),
        ('metering', '0013_events_kept_as_recorded'),
        ('metering', '0014_archive_details_of_old_events'),
        ('metering', '0015_events_kept_or_archived'),
        ('metering', '0016_tell_hours_whose_events_were_priced_later'),
        ('metering', '0017_charge_in_the_hour_of_the_price'),
        ('metering', '0018_count_months'),
        ('metering', '0019_keep_what_usage_costs_upstream'),
        ('metering', '0020_say_what_usage_of_before_cost_upstream'),
        ('metering', '0021_usage_of_before'),
    ]
    dependencies = [
        ('accounts', '0001_squashed_0008_erased_people'),
        ('ledger', '0001_squashed_0018_list_what_came_in_on_some_days'),
    ]
    operations = [
        CreateTables(
            models=[
                migrations.CreateModel(
                    name='Series',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('digest', models.BinaryField(max_length=16)),
                        ('provider', models.CharField(blank=True, max_length=80)),
                        ('model', models.CharField(blank=True, max_length=200)),
                        ('meter', models.CharField(max_length=60)),
                        ('project', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.project')),
                        ('task', models.CharField(blank=True, max_length=120)),
                        ('agent', models.CharField(blank=True, max_length=120)),
                        ('app', models.CharField(blank=True, max_length=120)),
                        ('api_key', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.apikey')),
                        ('created_on', models.DateField()),
                    ],
                    options={
                        'indexes': [models.Index(fields=['workspace', 'created_on'], name='series_new_today')],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'digest'), name='series_once')],
                    },
                ),
                migrations.CreateModel(
                    name='HourUsage',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('hour', models.DateTimeField()),
                        ('series', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='metering.series')),
                        ('quantity', models.DecimalField(decimal_places=9, max_digits=30)),
                        ('amount', models.BigIntegerField()),
                        ('requests', models.BigIntegerField()),
                        ('upstream', models.BigIntegerField(db_default=0, default=0)),
                    ],
                    options={
                        'indexes': [django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['hour'], name='hour_usage_by_time', pages_per_range=32)],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'hour', 'series'), name='hour_usage_once')],
                    },
                ),
                migrations.CreateModel(
                    name='EventArchive',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('month', models.DateField()),
                        ('part', models.PositiveIntegerField()),
                        ('file', models.CharField(max_length=200)),
                        ('sha256', models.BinaryField(max_length=32)),
                        ('events', models.PositiveIntegerField()),
                        ('created_at', models.DateTimeField()),
                        ('thinned_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('thinned_at', None)), fields=['id'], name='event_archive_unfinished')],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'month', 'part'), name='event_archive_part_once'), models.CheckConstraint(condition=models.Q(('month__day', 1)), name='event_archive_of_a_month')],
                    },
                ),
                migrations.CreateModel(
                    name='UsageEvent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('origin', models.CharField(max_length=200)),
                        ('event_id', models.CharField(max_length=200)),
                        ('request_hash', models.BinaryField(max_length=32)),
                        ('api_key', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.apikey')),
                        ('project', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.project')),
                        ('provider', models.CharField(blank=True, max_length=80)),
                        ('model', models.CharField(blank=True, max_length=200)),
                        ('usage', models.JSONField()),
                        ('variant', models.JSONField(default=dict)),
                        ('agent', models.CharField(blank=True, max_length=120)),
                        ('app', models.CharField(blank=True, max_length=120)),
                        ('task', models.CharField(blank=True, max_length=120)),
                        ('end_user', models.CharField(blank=True, max_length=200)),
                        ('metadata', models.JSONField(default=dict)),
                        ('occurred_at', models.DateTimeField()),
                        ('booked_at', models.DateTimeField()),
                        ('recorded_at', models.DateTimeField()),
                        ('late', models.BooleanField(default=False)),
                        ('problem', models.CharField(blank=True, max_length=20)),
                        ('lines', models.JSONField(default=list)),
                        ('amount', models.BigIntegerField(default=0)),
                        ('cost_usd', models.DecimalField(decimal_places=15, default=0, max_digits=30)),
                        ('upstream', models.BigIntegerField(db_default=0, default=0)),
                        ('operation', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.operation')),
                        ('offset', models.BigIntegerField(default=0)),
                        ('hold', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.hold')),
                        ('told', models.JSONField(null=True)),
                        ('priced_at', models.DateTimeField(null=True)),
                        ('unrated_as', models.CharField(max_length=20, null=True)),
                        ('archive', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='metering.eventarchive')),
                    ],
                    options={
                        'indexes': [models.Index(fields=['workspace', '-occurred_at', '-id'], name='usage_event_recent'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['operation'], name='usage_event_operation', pages_per_range=16), models.Index(condition=models.Q(('end_user', ''), _negated=True), fields=['workspace', 'end_user', '-occurred_at', '-id'], name='usage_event_of_end_user'), models.Index(condition=models.Q(('origin__in', ('workspace', 'service')), _negated=True), fields=['workspace', 'event_id'], name='usage_event_of_other_origin'), models.Index(condition=models.Q(('late', True)), fields=['workspace', 'booked_at'], name='usage_event_late'), models.Index(condition=models.Q(('problem', ''), _negated=True), fields=['workspace', 'recorded_at'], name='usage_event_waiting')],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'origin', 'event_id'), name='usage_event_once'), models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='usage_event_amount_not_negative'), models.CheckConstraint(condition=models.Q(models.Q(('amount', 0), ('operation', None)), models.Q(('amount__gt', 0), ('operation__isnull', False)), _connector='OR'), name='usage_event_charged_by_an_operation'), models.CheckConstraint(condition=models.Q(('problem', ''), ('amount', 0), _connector='OR'), name='usage_event_unrated_costs_nothing'), models.UniqueConstraint(condition=models.Q(('hold__isnull', False)), fields=('hold',), name='usage_event_one_per_hold'), models.CheckConstraint(condition=models.Q(models.Q(('priced_at', None), ('unrated_as', None)), models.Q(('priced_at__isnull', False), ('problem', ''), ('unrated_as__isnull', False), models.Q(('unrated_as', ''), _negated=True)), _connector='OR'), name='usage_event_priced_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Allowance',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='allowances', to='accounts.workspace')),
                        ('meter', models.CharField(max_length=60)),
                        ('starts_at', models.DateTimeField()),
                        ('ends_at', models.DateTimeField()),
                        ('included', models.DecimalField(decimal_places=9, max_digits=21)),
                        ('used', models.DecimalField(decimal_places=9, default=0, max_digits=21)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'meter', 'starts_at'), name='allowance_once_per_period'), models.CheckConstraint(condition=models.Q(('used__gte', 0), ('used__lte', models.F('included'))), name='allowance_used_within'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='allowance_ends_after_start')],
                    },
                ),
                migrations.CreateModel(
                    name='HourTotal',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('hour', models.DateTimeField()),
                        ('amount', models.BigIntegerField()),
                        ('requests', models.BigIntegerField()),
                        ('reversed', models.BigIntegerField(db_default=0, default=0)),
                        ('priced_later', models.BigIntegerField(db_default=0, default=0)),
                        ('priced_later_amount', models.BigIntegerField(db_default=0, default=0)),
                        ('priced_here', models.BigIntegerField(db_default=0, default=0)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'hour'), name='hour_total_once'), models.CheckConstraint(condition=models.Q(('reversed__gte', 0)), name='hour_total_reversed_not_negative'), models.CheckConstraint(condition=models.Q(('priced_here__gte', 0), ('priced_later_amount__gte', 0)), name='hour_total_priced_not_negative')],
                    },
                ),
                migrations.CreateModel(
                    name='AllowanceHold',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('hold', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.hold')),
                        ('allowance', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='metering.allowance')),
                        ('quantity', models.DecimalField(decimal_places=9, max_digits=21)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('hold', 'allowance'), name='allowance_hold_once'), models.CheckConstraint(condition=models.Q(('quantity__gt', 0)), name='allowance_hold_of_something')],
                    },
                ),
                migrations.CreateModel(
                    name='EventReversal',
                    fields=[
                        ('event', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='reversal', serialize=False, to='metering.usageevent')),
                        ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('operation', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.operation')),
                        ('amount', models.BigIntegerField()),
                        ('cancelled', models.BigIntegerField()),
                        ('actor', models.CharField(max_length=200)),
                        ('reason', models.CharField(max_length=500)),
                        ('created_at', models.DateTimeField()),
                    ],
                    options={
                        'indexes': [models.Index(fields=['workspace', 'event'], name='event_reversal_of_workspace')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('cancelled__gte', 0), ('cancelled__lte', models.F('amount'))), name='event_reversal_cancelled_within_amount'), models.CheckConstraint(condition=models.Q(models.Q(('amount', 0), ('operation', None)), models.Q(('amount__gt', 0), ('operation__isnull', False)), _connector='OR'), name='event_reversal_by_an_operation')],
                    },
                ),
                migrations.CreateModel(
                    name='EndUser',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('name', models.CharField(max_length=200)),
                        ('created_at', models.DateTimeField()),
                    ],
                    options={
                        'indexes': [models.Index(fields=['workspace', 'created_at'], name='end_user_new_today')],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'name'), name='end_user_once'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='end_user_has_a_name')],
                    },
                ),
                migrations.CreateModel(
                    name='EndUserHour',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('hour', models.DateTimeField()),
                        ('end_user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='metering.enduser')),
                        ('amount', models.BigIntegerField()),
                        ('requests', models.BigIntegerField()),
                        ('tokens', models.DecimalField(decimal_places=9, max_digits=30)),
                        ('quantity', models.DecimalField(decimal_places=9, max_digits=30)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'hour', 'end_user'), name='end_user_hour_once'), models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='end_user_hour_amount_not_negative'), models.CheckConstraint(condition=models.Q(('requests__gte', 0)), name='end_user_hour_requests_not_negative')],
                    },
                ),
                migrations.CreateModel(
                    name='MonthCount',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('month', models.DateField()),
                        ('name', models.CharField(max_length=350)),
                        ('quantity', models.DecimalField(decimal_places=9, max_digits=30)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'month', 'name'), name='month_count_once'), models.CheckConstraint(condition=models.Q(('month__day', 1)), name='month_count_of_a_month'), models.CheckConstraint(condition=models.Q(('quantity__gte', 0)), name='month_count_not_negative')],
                    },
                ),
                migrations.CreateModel(
                    name='EarlierUsage',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('day', models.DateField()),
                        ('provider', models.CharField(blank=True, max_length=80)),
                        ('model', models.CharField(blank=True, max_length=200)),
                        ('meter', models.CharField(max_length=60)),
                        ('quantity', models.DecimalField(decimal_places=9, max_digits=30)),
                        ('requests', models.BigIntegerField()),
                        ('created_at', models.DateTimeField()),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'day', 'provider', 'model', 'meter'), name='earlier_usage_once'), models.CheckConstraint(condition=models.Q(('quantity__gte', 0), ('requests__gte', 0), models.Q(('quantity', 0), ('requests', 0), _negated=True), models.Q(('meter', ''), _negated=True)), name='earlier_usage_of_something')],
                    },
                ),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
