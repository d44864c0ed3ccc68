"""What the other rooms stand on: settings of the site, the audit log, mail, periodic work, notes and proposals of staff."""

import billing.credits.clock
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

from accounts.tables import CreateTables
from billing.foundation.migrations._rules import BACKWARD, FORWARD


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ('foundation', '0001_initial'),
        ('foundation', '0002_outbox_claimed_at'),
        ('foundation', '0003_audit_append_only'),
        ('foundation', '0004_velocity_stop'),
        ('foundation', '0005_cap_end_users'),
        ('foundation', '0006_keep_no_longer_than_needed'),
        ('foundation', '0007_maintenance'),
        ('foundation', '0008_bound_what_is_kept'),
        ('foundation', '0009_prices'),
        ('foundation', '0010_outbox_attachments'),
        ('foundation', '0011_forget_webhooks'),
        ('foundation', '0012_due_job_runs'),
        ('foundation', '0013_mail_preferences'),
        ('foundation', '0014_long_unsubscribe_links'),
        ('foundation', '0015_news_told_age'),
        ('foundation', '0016_look_audit_origin_imports'),
        ('foundation', '0017_staff_notes_and_proposals'),
        ('foundation', '0018_forms_sent_once'),
        ('foundation', '0019_find_entries_and_mails'),
    ]
    dependencies = [
        ('accounts', '0001_squashed_0008_erased_people'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        CreateTables(
            models=[
                migrations.CreateModel(
                    name='DueJob',
                    fields=[
                        ('name', models.CharField(max_length=60, primary_key=True, serialize=False)),
                        ('last_started_at', models.DateTimeField(null=True)),
                        ('last_finished_at', models.DateTimeField(null=True)),
                        ('last_items', models.PositiveIntegerField(default=0)),
                        ('last_seconds', models.FloatField(null=True)),
                        ('last_failed_at', models.DateTimeField(null=True)),
                        ('last_error', models.TextField(blank=True)),
                        ('failures', models.PositiveIntegerField(default=0)),
                        ('asked_at', models.DateTimeField(null=True)),
                        ('asked_by', models.CharField(blank=True, db_default='', default='', max_length=200)),
                    ],
                ),
                migrations.CreateModel(
                    name='AuditEntry',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('at', models.DateTimeField(db_index=True, default=billing.credits.clock.now, editable=False)),
                        ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('actor_label', models.CharField(max_length=200)),
                        ('workspace', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='accounts.workspace')),
                        ('action', models.CharField(max_length=60)),
                        ('target', models.CharField(blank=True, max_length=200)),
                        ('before', models.JSONField(blank=True, null=True)),
                        ('after', models.JSONField(blank=True, null=True)),
                        ('reason', models.CharField(blank=True, max_length=500)),
                        ('ip', models.GenericIPAddressField(blank=True, null=True)),
                        ('user_agent', models.CharField(blank=True, db_default='', default='', max_length=300)),
                        ('request_id', models.CharField(blank=True, db_default='', default='', max_length=64)),
                    ],
                    options={
                        'verbose_name_plural': 'audit entries',
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['action', '-id'], name='audit_by_action'), models.Index(fields=['workspace', '-id'], name='audit_of_workspace')],
                    },
                ),
                migrations.CreateModel(
                    name='SiteLogo',
                    fields=[
                        ('name', models.CharField(editable=False, max_length=80, primary_key=True, serialize=False)),
                        ('data', models.BinaryField()),
                        ('width', models.PositiveSmallIntegerField()),
                        ('height', models.PositiveSmallIntegerField()),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('name__regex', '^[0-9a-f]{64}\\.(png|jpg)$')), name='site_logo_name_is_of_its_bytes')],
                    },
                ),
                migrations.CreateModel(
                    name='SiteSettings',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('product_name', models.CharField(default='Purser', max_length=60)),
                        ('credit_name', models.CharField(default='credit', max_length=30)),
                        ('credit_name_plural', models.CharField(default='credits', max_length=30)),
                        ('usd_per_credit', models.DecimalField(decimal_places=6, default=Decimal('0.005'), max_digits=12)),
                        ('support_email', models.EmailField(blank=True, max_length=254)),
                        ('logo', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='foundation.sitelogo')),
                        ('accent_light', models.CharField(blank=True, db_default='', default='', max_length=7, validators=[django.core.validators.RegexValidator('\\A#[0-9a-f]{6}\\Z', 'Write a colour as # and six digits, such as #0f766e.')])),
                        ('accent_dark', models.CharField(blank=True, db_default='', default='', max_length=7, validators=[django.core.validators.RegexValidator('\\A#[0-9a-f]{6}\\Z', 'Write a colour as # and six digits, such as #0f766e.')])),
                        ('signup_grant_enabled', models.BooleanField(default=False)),
                        ('signup_grant_credits', models.DecimalField(decimal_places=9, default=Decimal('200'), max_digits=18)),
                        ('signup_grant_days', models.PositiveIntegerField(default=90)),
                        ('default_plan', models.CharField(default='free', max_length=40)),
                        ('late_after_hours', models.PositiveIntegerField(default=72, validators=[django.core.validators.MaxValueValidator(8784)])),
                        ('rate_limit_workspace', models.PositiveIntegerField(default=6000, verbose_name='requests per minute, workspace keys')),
                        ('rate_limit_service', models.PositiveIntegerField(default=600000, verbose_name='requests per minute, service keys')),
                        ('velocity_factor', models.PositiveSmallIntegerField(default=10)),
                        ('velocity_minimum', models.DecimalField(decimal_places=9, default=Decimal('2000'), max_digits=18)),
                        ('max_breakdown_values', models.PositiveIntegerField(default=500)),
                        ('max_end_users', models.PositiveIntegerField(default=10000)),
                        ('event_detail_months', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(1200)])),
                        ('outbox_text_days', models.PositiveSmallIntegerField(blank=True, default=90, null=True)),
                        ('stripe_event_days', models.PositiveSmallIntegerField(blank=True, default=90, null=True)),
                        ('public_prices', models.BooleanField(default=True)),
                        ('price_rise_notice_hours', models.PositiveSmallIntegerField(default=24, validators=[django.core.validators.MaxValueValidator(2160)])),
                        ('price_jump_percent', models.PositiveSmallIntegerField(default=25)),
                        ('price_vanish_percent', models.PositiveSmallIntegerField(default=10, validators=[django.core.validators.MaxValueValidator(100)])),
                        ('second_person_above', models.DecimalField(blank=True, decimal_places=9, max_digits=18, null=True)),
                        ('maintenance_hour', models.PositiveSmallIntegerField(default=3)),
                    ],
                    options={
                        'verbose_name': 'site settings',
                        'verbose_name_plural': 'site settings',
                        'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='site_settings_one_row'), models.CheckConstraint(condition=models.Q(('usd_per_credit__gt', 0)), name='site_usd_per_credit_positive'), models.CheckConstraint(condition=models.Q(('velocity_minimum__gte', 0)), name='site_velocity_minimum_not_negative'), models.CheckConstraint(condition=models.Q(('maintenance_hour__lt', 24)), name='site_maintenance_hour_of_a_day'), models.CheckConstraint(condition=models.Q(('price_vanish_percent__lte', 100)), name='site_price_vanish_percent_of_hundred'), models.CheckConstraint(condition=models.Q(('accent_dark__regex', '^(#[0-9a-f]{6})?$'), ('accent_light__regex', '^(#[0-9a-f]{6})?$')), name='site_accents_are_colours'), models.CheckConstraint(condition=models.Q(('second_person_above__gte', 0)), name='site_second_person_above_not_negative')],
                    },
                ),
                migrations.CreateModel(
                    name='OutboxMessage',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('key', models.CharField(blank=True, max_length=200, null=True, unique=True)),
                        ('kind', models.CharField(default='account', max_length=60)),
                        ('workspace', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='accounts.workspace')),
                        ('sender', models.CharField(max_length=320)),
                        ('to', models.JSONField()),
                        ('reply_to', models.JSONField(default=list)),
                        ('subject', models.CharField(max_length=500)),
                        ('text', models.TextField()),
                        ('html', models.TextField(blank=True)),
                        ('unsubscribe', models.CharField(blank=True, db_default='', default='', max_length=1000)),
                        ('attachments', models.JSONField(blank=True, db_default=[], default=list)),
                        ('status', models.CharField(choices=[('queued', 'Queued'), ('sending', 'Sending'), ('sent', 'Sent'), ('failed', 'Failed')], default='queued', max_length=7)),
                        ('attempts', models.PositiveSmallIntegerField(default=0)),
                        ('next_attempt_at', models.DateTimeField(default=billing.credits.clock.now)),
                        ('claimed_at', models.DateTimeField(blank=True, null=True)),
                        ('last_error', models.TextField(blank=True)),
                        ('created_at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
                        ('sent_at', models.DateTimeField(blank=True, null=True)),
                        ('emptied_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(condition=models.Q(('status', 'queued')), fields=['next_attempt_at'], name='outbox_due'), models.Index(condition=models.Q(('emptied_at', None), ('status', 'sent')), fields=['sent_at'], name='outbox_text_kept'), models.Index(fields=['workspace', '-id'], name='outbox_of_workspace')],
                    },
                ),
                migrations.CreateModel(
                    name='MaintenanceRun',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('started_at', models.DateTimeField()),
                        ('finished_at', models.DateTimeField(null=True)),
                        ('steps', models.JSONField(default=list)),
                        ('failed', models.PositiveIntegerField(default=0)),
                    ],
                    options={
                        'ordering': ['-id'],
                    },
                ),
                migrations.CreateModel(
                    name='MailWatch',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('name', models.CharField(max_length=40, unique=True)),
                        ('upto', models.BigIntegerField()),
                    ],
                ),
                migrations.CreateModel(
                    name='NewsTold',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('key', models.CharField(max_length=200, unique=True)),
                        ('told_at', models.DateTimeField(default=billing.credits.clock.now)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['told_at'], name='news_told_age')],
                    },
                ),
                migrations.CreateModel(
                    name='MailWish',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
                        ('address', models.EmailField(max_length=320)),
                        ('category', models.CharField(max_length=20)),
                        ('wanted', models.BooleanField()),
                        ('changed_at', models.DateTimeField(default=billing.credits.clock.now)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'address', 'category'), name='mail_wish_once_per_address'), models.CheckConstraint(condition=models.Q(('address', django.db.models.functions.text.Lower('address'))), name='mail_wish_address_lower_case')],
                    },
                ),
                migrations.CreateModel(
                    name='RoleMail',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
                        ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('billing', 'Billing'), ('member', 'Member'), ('viewer', 'Viewer')], max_length=10)),
                        ('category', models.CharField(max_length=20)),
                        ('wanted', models.BooleanField()),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'role', 'category'), name='role_mail_once_per_role'), models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'admin', 'billing', 'member', 'viewer'])), name='role_mail_role_known')],
                    },
                ),
                migrations.CreateModel(
                    name='ImportRun',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(max_length=40)),
                        ('digest', models.CharField(max_length=64)),
                        ('file_name', models.CharField(blank=True, max_length=200)),
                        ('actor_label', models.CharField(max_length=200)),
                        ('rows', models.PositiveIntegerField()),
                        ('summary', models.JSONField(default=dict)),
                        ('at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'constraints': [models.UniqueConstraint(fields=('kind', 'digest'), name='import_run_once_per_file'), models.CheckConstraint(condition=models.Q(('rows__gt', 0)), name='import_run_has_rows')],
                    },
                ),
                migrations.CreateModel(
                    name='Proposal',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('key', models.CharField(max_length=100, unique=True)),
                        ('action', models.CharField(max_length=40)),
                        ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('amount', models.BigIntegerField()),
                        ('summary', models.CharField(max_length=300)),
                        ('values', models.JSONField()),
                        ('reason', models.CharField(max_length=500)),
                        ('proposer', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('proposer_label', models.CharField(max_length=200, verbose_name='proposed by')),
                        ('created_at', models.DateTimeField(default=billing.credits.clock.now, editable=False, verbose_name='proposed at')),
                        ('expires_at', models.DateTimeField(verbose_name='waits until')),
                        ('status', models.CharField(choices=[('open', 'Waits for another person'), ('approved', 'Approved and posted'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn by who proposed it')], default='open', max_length=10)),
                        ('decider', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('decider_label', models.CharField(blank=True, max_length=200, verbose_name='decided by')),
                        ('decided_at', models.DateTimeField(null=True)),
                        ('decided_why', models.CharField(blank=True, max_length=500, verbose_name='decided why')),
                        ('outcome', models.CharField(blank=True, max_length=500)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(condition=models.Q(('status', 'open')), fields=['-id'], name='proposal_open')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='proposal_of_something'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='proposal_has_a_reason'), models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at'))), name='proposal_expires_later'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decider', None), ('status', 'open')), models.Q(('decided_at__isnull', False), ('decider__isnull', False), ('status__in', ['approved', 'refused', 'withdrawn'])), _connector='OR'), name='proposal_decided_by_somebody'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['approved', 'refused']), _negated=True), models.Q(('decider', models.F('proposer')), _negated=True), _connector='OR'), name='proposal_decided_by_another'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'approved'), _negated=True), ('decided_at__lt', models.F('expires_at')), _connector='OR'), name='proposal_approved_in_time')],
                    },
                ),
                migrations.CreateModel(
                    name='StaffNote',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('key', models.CharField(editable=False, max_length=100, unique=True)),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('author_label', models.CharField(max_length=200, verbose_name='author')),
                        ('text', models.TextField(max_length=4000)),
                        ('replaces', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='foundation.staffnote')),
                        ('created_at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
                        ('withdrawn_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('withdrawn_by', models.CharField(blank=True, editable=False, max_length=200)),
                        ('withdrawn_why', models.CharField(blank=True, editable=False, max_length=500)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['workspace', '-id'], name='staff_note_of_workspace')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='staff_note_says_something'), models.CheckConstraint(condition=models.Q(('replaces', models.F('id')), _negated=True), name='staff_note_replaces_another'), models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at', None), ('withdrawn_by', ''), ('withdrawn_why', '')), models.Q(('withdrawn_at__isnull', False), models.Q(('withdrawn_by', ''), _negated=True), models.Q(('withdrawn_why', ''), _negated=True)), _connector='OR'), name='staff_note_withdrawn_by_somebody')],
                    },
                ),
                migrations.CreateModel(
                    name='SentForm',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('key', models.CharField(max_length=100, unique=True)),
                        ('action', models.CharField(max_length=60)),
                        ('target', models.CharField(max_length=200)),
                        ('digest', models.CharField(max_length=64)),
                        ('at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('key', ''), _negated=True), models.Q(('action', ''), _negated=True), models.Q(('digest', ''), _negated=True)), name='sent_form_says_what')],
                    },
                ),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
