"""Voices, the engines that speak them, and the jobs on both."""

import billing.credits.clock
import billing.voices.models.engines
import billing.voices.models.jobs
import billing.voices.models.voices
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

from accounts.tables import CreateTables
from billing.voices.migrations._rules import BACKWARD, FORWARD


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ('voices', '0001_voices'),
        ('voices', '0002_what_is_kept'),
        ('voices', '0003_clones'),
    ]
    dependencies = [
        ('accounts', '0001_squashed_0008_erased_people'),
        ('ledger', '0001_squashed_0018_list_what_came_in_on_some_days'),
    ]
    operations = [
        CreateTables(
            models=[
                migrations.CreateModel(
                    name='EngineChannel',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('active', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='voices.engineversion')),
                        ('previous', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='voices.engineversion')),
                        ('revision', models.PositiveIntegerField(default=0)),
                        ('changed_at', models.DateTimeField(default=billing.credits.clock.now)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='engine_channel_one_row'), models.CheckConstraint(condition=models.Q(('active', None), ('previous', None), models.Q(('active', models.F('previous')), _negated=True), _connector='OR'), name='engine_channel_previous_is_another')],
                    },
                ),
                migrations.CreateModel(
                    name='Rollout',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('channel', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='rollouts', to='voices.enginechannel')),
                        ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rollouts', to='voices.engineversion')),
                        ('previous', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='voices.engineversion')),
                        ('state', models.CharField(choices=[('building', 'Building'), ('verifying', 'Needs a look'), ('ready', 'Ready to switch'), ('switched', 'Switched'), ('rolled_back', 'Rolled back'), ('aborted', 'Aborted')], default='building', max_length=11)),
                        ('started_by', models.CharField(max_length=200)),
                        ('started_at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
                        ('switched_by', models.CharField(blank=True, max_length=200)),
                        ('switched_at', models.DateTimeField(blank=True, null=True)),
                        ('ended_by', models.CharField(blank=True, max_length=200)),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('reason', models.CharField(blank=True, max_length=500)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ('building', 'verifying', 'ready'))), fields=('channel',), name='rollout_one_open'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('state__in', ('building', 'verifying', 'ready')), ('switched_at', None)), models.Q(('ended_at', None), ('state', 'switched'), ('switched_at__isnull', False), models.Q(('switched_by', ''), _negated=True)), models.Q(('ended_at__isnull', False), ('state', 'rolled_back'), ('switched_at__isnull', False), models.Q(('ended_by', ''), _negated=True)), models.Q(('ended_at__isnull', False), ('state', 'aborted'), ('switched_at', None), models.Q(('ended_by', ''), _negated=True)), _connector='OR'), name='rollout_state_says_who_and_when'), models.CheckConstraint(condition=models.Q(('previous', None), models.Q(('previous', models.F('version')), _negated=True), _connector='OR'), name='rollout_to_another_version')],
                    },
                ),
                migrations.CreateModel(
                    name='Voice',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('public_id', models.CharField(default=billing.voices.models.voices.new_voice_id, editable=False, max_length=40, unique=True)),
                        ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='voices', to='accounts.workspace')),
                        ('name', models.CharField(max_length=80)),
                        ('language', models.CharField(max_length=10)),
                        ('tier', models.CharField(max_length=20)),
                        ('price_variant', models.CharField(blank=True, max_length=40)),
                        ('state', models.CharField(choices=[('draft', 'Draft'), ('enabled', 'Enabled'), ('retired', 'Retired'), ('deleted', 'Deleted')], default='draft', max_length=8)),
                        ('state_at', models.DateTimeField(default=billing.credits.clock.now)),
                        ('stack_hash', models.CharField(blank=True, max_length=64)),
                        ('assessment', models.JSONField(default=dict)),
                        ('consent_by', models.CharField(blank=True, max_length=200)),
                        ('consent_statement', models.TextField(blank=True, max_length=2000)),
                        ('consent_at', models.DateTimeField(blank=True, null=True)),
                        ('consent_recorded_by', models.CharField(blank=True, max_length=200)),
                        ('created_by', models.CharField(max_length=200)),
                        ('created_at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
                        ('purged_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(condition=models.Q(('state', 'enabled')), fields=['-id'], name='voice_enabled'), models.Index(condition=models.Q(('purged_at', None), ('state', 'deleted')), fields=['state_at'], name='voice_to_purge')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'enabled', 'retired', 'deleted'])), name='voice_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('name', ''), _negated=True), models.Q(('language', ''), _negated=True), models.Q(('tier', ''), _negated=True)), name='voice_named'), models.CheckConstraint(condition=models.Q(models.Q(('consent_at', None), ('consent_by', ''), ('consent_recorded_by', ''), ('consent_statement', '')), models.Q(('consent_at__isnull', False), models.Q(('consent_by', ''), _negated=True), models.Q(('consent_statement', ''), _negated=True), models.Q(('consent_recorded_by', ''), _negated=True)), _connector='OR'), name='voice_consent_whole_or_none'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'enabled'), _negated=True), models.Q(('consent_at__isnull', False), models.Q(('stack_hash', ''), _negated=True), models.Q(('price_variant', ''), _negated=True)), _connector='OR'), name='voice_enabled_has_consent_clips_price'), models.CheckConstraint(condition=models.Q(('purged_at', None), ('state', 'deleted'), _connector='OR'), name='voice_purged_is_deleted'), models.UniqueConstraint(models.F('owner'), django.db.models.functions.text.Lower('name'), condition=models.Q(('state', 'deleted'), _negated=True), name='voice_name_once_per_owner', nulls_distinct=False)],
                    },
                ),
                migrations.CreateModel(
                    name='VoiceJob',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('public_id', models.CharField(default=billing.voices.models.jobs.new_job_id, editable=False, max_length=40, unique=True)),
                        ('kind', models.CharField(choices=[('inspect', 'Inspect clips'), ('rebuild', 'Rebuild voices'), ('train', 'Train'), ('export', 'Export a version')], max_length=7)),
                        ('voice', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='voices.voice')),
                        ('engine_version', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='voices.engineversion')),
                        ('rollout', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='voices.rollout')),
                        ('spec', models.JSONField(default=dict)),
                        ('state', models.CharField(choices=[('queued', 'Waits for a worker'), ('running', 'Runs'), ('cancelling', 'Is being cancelled'), ('done', 'Done'), ('failed', 'Failed'), ('refused', 'Refused'), ('cancelled', 'Cancelled'), ('interrupted', 'Interrupted')], default='queued', max_length=11)),
                        ('attempt', models.PositiveSmallIntegerField(default=0)),
                        ('stage', models.CharField(blank=True, max_length=40)),
                        ('progress_done', models.PositiveIntegerField(default=0)),
                        ('progress_total', models.PositiveIntegerField(default=0)),
                        ('metrics', models.JSONField(default=dict)),
                        ('last_seq', models.PositiveIntegerField(default=0)),
                        ('heartbeat_at', models.DateTimeField(blank=True, null=True)),
                        ('started_at', models.DateTimeField(blank=True, null=True)),
                        ('finished_at', models.DateTimeField(blank=True, null=True)),
                        ('resume_dir', models.CharField(blank=True, max_length=200)),
                        ('cancel_asked_by', models.CharField(blank=True, max_length=200)),
                        ('cancel_asked_at', models.DateTimeField(blank=True, null=True)),
                        ('result', models.JSONField(default=dict)),
                        ('error', models.CharField(blank=True, max_length=500)),
                        ('exit_code', models.IntegerField(blank=True, null=True)),
                        ('log_path', models.CharField(blank=True, max_length=200)),
                        ('work_removed_at', models.DateTimeField(blank=True, null=True)),
                        ('requested_by', models.CharField(max_length=200)),
                        ('created_at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
                        ('price_snapshot', models.JSONField(blank=True, null=True)),
                        ('hold', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.hold')),
                        ('charge', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.operation')),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(condition=models.Q(('state', 'queued')), fields=['id'], name='voice_job_queued'), models.Index(condition=models.Q(('state__in', ('running', 'cancelling'))), fields=['heartbeat_at'], name='voice_job_running'), models.Index(fields=['voice', '-id'], name='voice_job_of_voice')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['inspect', 'rebuild', 'train', 'export'])), name='voice_job_kind_known'), models.CheckConstraint(condition=models.Q(models.Q(('finished_at', None), ('state', 'queued')), models.Q(('attempt__gte', 1), ('finished_at', None), ('heartbeat_at__isnull', False), ('state', 'running')), models.Q(('attempt__gte', 1), ('cancel_asked_at__isnull', False), ('finished_at', None), ('heartbeat_at__isnull', False), ('state', 'cancelling')), models.Q(('finished_at__isnull', False), ('state__in', ['done', 'failed', 'refused', 'cancelled', 'interrupted'])), _connector='OR'), name='voice_job_state_says_when'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['failed', 'refused', 'interrupted']), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='voice_job_failed_says_why'), models.CheckConstraint(condition=models.Q(('progress_total', 0), ('progress_done__lte', models.F('progress_total')), _connector='OR'), name='voice_job_progress_within_total'), models.CheckConstraint(condition=models.Q(models.Q(('cancel_asked_at', None), ('cancel_asked_by', '')), models.Q(('cancel_asked_at__isnull', False), models.Q(('cancel_asked_by', ''), _negated=True)), _connector='OR'), name='voice_job_cancelled_by_somebody'), models.UniqueConstraint(condition=models.Q(('state__in', ('queued', 'running', 'cancelling')), ('voice__isnull', False)), fields=('voice',), name='voice_job_one_open_per_voice'), models.UniqueConstraint(condition=models.Q(('kind', 'train'), ('state__in', ('running', 'cancelling'))), fields=('kind',), name='voice_job_one_training_at_a_time'), models.CheckConstraint(condition=models.Q(models.Q(('charge', None), ('hold', None)), ('price_snapshot__isnull', False), _connector='OR'), name='voice_job_hold_has_a_price'), models.CheckConstraint(condition=models.Q(('charge', None), ('state', 'done'), _connector='OR'), name='voice_job_charged_when_done'), models.UniqueConstraint(condition=models.Q(('price_snapshot__isnull', False), ('state__in', ('queued', 'running', 'cancelling', 'interrupted'))), fields=('voice',), name='voice_job_one_clone_per_voice')],
                    },
                ),
                migrations.CreateModel(
                    name='EngineVersion',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('public_id', models.CharField(default=billing.voices.models.engines.new_version_id, editable=False, max_length=40, unique=True)),
                        ('family', models.CharField(choices=[('light', 'Light (no speech)'), ('xtts', 'XTTS')], max_length=10)),
                        ('label', models.CharField(max_length=60)),
                        ('rel_dir', models.CharField(blank=True, max_length=200)),
                        ('files', models.JSONField(default=dict)),
                        ('params', models.JSONField(default=dict)),
                        ('parent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='voices.engineversion')),
                        ('trained_by', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='trained_version', to='voices.voicejob')),
                        ('metrics', models.JSONField(default=dict)),
                        ('is_test', models.BooleanField()),
                        ('licence', models.CharField(max_length=200)),
                        ('licence_accepted_by', models.CharField(blank=True, max_length=200)),
                        ('licence_accepted_at', models.DateTimeField(blank=True, null=True)),
                        ('licence_statement', models.CharField(blank=True, max_length=500)),
                        ('state', models.CharField(choices=[('draft', 'Being made'), ('ready', 'Ready'), ('broken', 'Withdrawn')], default='draft', max_length=6)),
                        ('reason', models.CharField(blank=True, max_length=300)),
                        ('created_by', models.CharField(max_length=200)),
                        ('created_at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'constraints': [models.UniqueConstraint(fields=('family', 'label'), name='engine_version_label_once'), models.CheckConstraint(condition=models.Q(('family__in', ['light', 'xtts'])), name='engine_version_family_known'), models.CheckConstraint(condition=models.Q(models.Q(('label', ''), _negated=True), models.Q(('licence', ''), _negated=True)), name='engine_version_says_what_it_is'), models.CheckConstraint(condition=models.Q(('state', 'draft'), ('state', 'ready'), models.Q(('state', 'broken'), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='engine_version_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('licence_accepted_at', None), ('licence_accepted_by', ''), ('licence_statement', '')), models.Q(('licence_accepted_at__isnull', False), models.Q(('licence_accepted_by', ''), _negated=True), models.Q(('licence_statement', ''), _negated=True)), _connector='OR'), name='engine_version_licence_accepted_by_somebody'), models.CheckConstraint(condition=models.Q(models.Q(('family', 'xtts'), ('state', 'ready'), _negated=True), models.Q(models.Q(('files', {}), _negated=True), models.Q(('rel_dir', ''), _negated=True)), _connector='OR'), name='engine_version_ready_has_files'), models.CheckConstraint(condition=models.Q(('parent', models.F('id')), _negated=True), name='engine_version_not_its_own_parent')],
                    },
                ),
                migrations.CreateModel(
                    name='Conditioning',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('voice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='conditionings', to='voices.voice')),
                        ('engine_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='conditionings', to='voices.engineversion')),
                        ('tier', models.CharField(max_length=20)),
                        ('stack_hash', models.CharField(max_length=64)),
                        ('options', models.JSONField(default=dict)),
                        ('options_hash', models.CharField(max_length=64)),
                        ('rel_path', models.CharField(blank=True, max_length=200)),
                        ('sha256', models.CharField(blank=True, max_length=64)),
                        ('sample_path', models.CharField(blank=True, max_length=200)),
                        ('verify', models.JSONField(default=dict)),
                        ('state', models.CharField(choices=[('building', 'Being built'), ('verified', 'Verified'), ('failed', 'Failed')], default='building', max_length=8)),
                        ('reason', models.CharField(blank=True, max_length=300)),
                        ('created_at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
                        ('built_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'constraints': [models.UniqueConstraint(fields=('voice', 'engine_version', 'tier', 'stack_hash', 'options_hash'), name='conditioning_once'), models.CheckConstraint(condition=models.Q(('options_hash__regex', '^[0-9a-f]{64}$'), ('stack_hash__regex', '^[0-9a-f]{64}$'), models.Q(('tier', ''), _negated=True)), name='conditioning_of_something'), models.CheckConstraint(condition=models.Q(('state', 'building'), models.Q(('built_at__isnull', False), ('reason', ''), ('sha256__regex', '^[0-9a-f]{64}$'), ('state', 'verified'), models.Q(('rel_path', ''), _negated=True)), models.Q(('state', 'failed'), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='conditioning_state_says_all')],
                    },
                ),
                migrations.CreateModel(
                    name='RolloutItem',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('rollout', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='items', to='voices.rollout')),
                        ('voice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='voices.voice')),
                        ('tier', models.CharField(max_length=20)),
                        ('stack_hash', models.CharField(max_length=64)),
                        ('conditioning', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='voices.conditioning')),
                        ('serving', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='voices.conditioning')),
                        ('state', models.CharField(choices=[('waiting', 'Being built'), ('verified', 'Verified'), ('failed', 'Failed')], default='waiting', max_length=8)),
                        ('message', models.CharField(blank=True, max_length=300)),
                    ],
                    options={
                        'ordering': ['rollout', 'id'],
                        'constraints': [models.UniqueConstraint(fields=('rollout', 'voice'), name='rollout_item_once'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'verified']), models.Q(('state', 'failed'), models.Q(('message', ''), _negated=True)), _connector='OR'), name='rollout_item_failed_says_why')],
                    },
                ),
                migrations.CreateModel(
                    name='ReferenceClip',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('voice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='clips', to='voices.voice')),
                        ('position', models.PositiveSmallIntegerField()),
                        ('rel_path', models.CharField(max_length=200)),
                        ('original_name', models.CharField(max_length=120)),
                        ('sha256', models.CharField(max_length=64)),
                        ('size', models.PositiveIntegerField()),
                        ('facts', models.JSONField(default=dict)),
                        ('quality', models.JSONField(default=dict)),
                        ('state', models.CharField(choices=[('waiting', 'Not inspected yet'), ('ok', 'Inspected'), ('refused', 'Refused'), ('excluded', 'Left out')], default='waiting', max_length=8)),
                        ('reason', models.CharField(blank=True, max_length=300)),
                        ('created_by', models.CharField(max_length=200)),
                        ('created_at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
                    ],
                    options={
                        'ordering': ['voice', 'position'],
                        'constraints': [models.UniqueConstraint(fields=('voice', 'position'), name='reference_clip_one_per_position'), models.UniqueConstraint(fields=('voice', 'sha256'), name='reference_clip_once_per_voice'), models.CheckConstraint(condition=models.Q(('sha256__regex', '^[0-9a-f]{64}$')), name='reference_clip_digest'), models.CheckConstraint(condition=models.Q(('position__gte', 1), ('size__gte', 1)), name='reference_clip_sane'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'ok', 'refused', 'excluded'])), name='reference_clip_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['refused', 'excluded']), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='reference_clip_refused_says_why'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'ok'), _negated=True), models.Q(('quality', {}), _negated=True), _connector='OR'), name='reference_clip_good_was_measured')],
                    },
                ),
                migrations.CreateModel(
                    name='VoiceJobEvent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='events', to='voices.voicejob')),
                        ('attempt', models.PositiveSmallIntegerField()),
                        ('seq', models.PositiveIntegerField()),
                        ('at', models.DateTimeField(default=billing.credits.clock.now)),
                        ('type', models.CharField(max_length=20)),
                        ('data', models.JSONField(default=dict)),
                    ],
                    options={
                        'ordering': ['job', 'attempt', 'seq'],
                        'constraints': [models.UniqueConstraint(fields=('job', 'attempt', 'seq'), name='voice_job_event_once')],
                    },
                ),
                migrations.CreateModel(
                    name='VoiceJobItem',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='items', to='voices.voicejob')),
                        ('voice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='voices.voice')),
                        ('conditioning', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='voices.conditioning')),
                        ('state', models.CharField(choices=[('waiting', 'Waits'), ('done', 'Done'), ('failed', 'Failed')], default='waiting', max_length=7)),
                        ('message', models.CharField(blank=True, max_length=300)),
                    ],
                    options={
                        'ordering': ['job', 'id'],
                        'constraints': [models.UniqueConstraint(fields=('job', 'voice'), name='voice_job_item_once'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'done']), models.Q(('state', 'failed'), models.Q(('message', ''), _negated=True)), _connector='OR'), name='voice_job_item_failed_says_why')],
                    },
                ),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
