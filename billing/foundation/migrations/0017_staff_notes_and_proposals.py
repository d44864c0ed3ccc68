"""Notes of staff beside customers, and large adjustments that a second person has to approve."""

import billing.credits.clock
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# What was written stays: of a note only that it was withdrawn is added, of a proposal only what was decided, once.
FORWARD = """
CREATE FUNCTION staff_keep_what_was_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF starts_with(current_database(), 'test_') AND current_setting('purser.ledger_rewrite', true) = 'on' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD WHEN 'UPDATE' THEN NEW ELSE NULL END;
    END IF;
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'foundation_staffnote' THEN
        IF (NEW.author_id IS NULL OR NEW.author_id = OLD.author_id)
            AND (OLD.withdrawn_at IS NULL OR (NEW.withdrawn_at, NEW.withdrawn_by, NEW.withdrawn_why)
                = (OLD.withdrawn_at, OLD.withdrawn_by, OLD.withdrawn_why))
            AND to_jsonb(NEW) - '{author_id,withdrawn_at,withdrawn_by,withdrawn_why}'::text[]
                = to_jsonb(OLD) - '{author_id,withdrawn_at,withdrawn_by,withdrawn_why}'::text[]
        THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF OLD.status = 'open'
            AND to_jsonb(NEW) - '{status,decider_id,decider_label,decided_at,decided_why,outcome}'::text[]
                = to_jsonb(OLD) - '{status,decider_id,decider_label,decided_at,decided_why,outcome}'::text[]
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'what staff wrote is kept: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER staff_note_kept BEFORE UPDATE OR DELETE ON foundation_staffnote
    FOR EACH ROW EXECUTE FUNCTION staff_keep_what_was_written();
CREATE TRIGGER staff_note_not_emptied BEFORE TRUNCATE ON foundation_staffnote
    FOR EACH STATEMENT EXECUTE FUNCTION staff_keep_what_was_written();
CREATE TRIGGER proposal_kept BEFORE UPDATE OR DELETE ON foundation_proposal
    FOR EACH ROW EXECUTE FUNCTION staff_keep_what_was_written();
CREATE TRIGGER proposal_not_emptied BEFORE TRUNCATE ON foundation_proposal
    FOR EACH STATEMENT EXECUTE FUNCTION staff_keep_what_was_written();
"""

BACKWARD = """
DROP TRIGGER proposal_not_emptied ON foundation_proposal;
DROP TRIGGER proposal_kept ON foundation_proposal;
DROP TRIGGER staff_note_not_emptied ON foundation_staffnote;
DROP TRIGGER staff_note_kept ON foundation_staffnote;
DROP FUNCTION staff_keep_what_was_written();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_suspended_workspaces'),
        ('foundation', '0016_look_audit_origin_imports'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=100, unique=True)),
                ('action', models.CharField(max_length=40)),
                ('amount', models.BigIntegerField()),
                ('summary', models.CharField(max_length=300)),
                ('values', models.JSONField()),
                ('reason', models.CharField(max_length=500)),
                ('proposer_label', models.CharField(max_length=200, verbose_name='proposed by')),
                ('created_at', models.DateTimeField(default=billing.credits.clock.now, editable=False, verbose_name='proposed at')),
                ('expires_at', models.DateTimeField(verbose_name='waits until')),
                ('status', models.CharField(choices=[('open', 'Waits for another person'), ('approved', 'Approved and posted'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn by who proposed it')], default='open', max_length=10)),
                ('decider_label', models.CharField(blank=True, max_length=200, verbose_name='decided by')),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_why', models.CharField(blank=True, max_length=500, verbose_name='decided why')),
                ('outcome', models.CharField(blank=True, max_length=500)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='StaffNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(editable=False, max_length=100, unique=True)),
                ('author_label', models.CharField(max_length=200, verbose_name='author')),
                ('text', models.TextField(max_length=4000)),
                ('created_at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
                ('withdrawn_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('withdrawn_by', models.CharField(blank=True, editable=False, max_length=200)),
                ('withdrawn_why', models.CharField(blank=True, editable=False, max_length=500)),
            ],
        ),
        migrations.AddField(
            model_name='sitesettings',
            name='second_person_above',
            field=models.DecimalField(blank=True, decimal_places=9, max_digits=18, null=True),
        ),
        migrations.AddConstraint(
            model_name='sitesettings',
            constraint=models.CheckConstraint(condition=models.Q(('second_person_above__gte', 0)), name='site_second_person_above_not_negative'),
        ),
        migrations.AddField(
            model_name='proposal',
            name='decider',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='proposal',
            name='proposer',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='proposal',
            name='workspace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace'),
        ),
        migrations.AddField(
            model_name='staffnote',
            name='author',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='staffnote',
            name='replaces',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='foundation.staffnote'),
        ),
        migrations.AddField(
            model_name='staffnote',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace'),
        ),
        migrations.AddIndex(
            model_name='proposal',
            index=models.Index(condition=models.Q(('status', 'open')), fields=['-id'], name='proposal_open'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='proposal_of_something'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='proposal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at'))), name='proposal_expires_later'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decider', None), ('status', 'open')), models.Q(('decided_at__isnull', False), ('decider__isnull', False), ('status__in', ['approved', 'refused', 'withdrawn'])), _connector='OR'), name='proposal_decided_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['approved', 'refused']), _negated=True), models.Q(('decider', models.F('proposer')), _negated=True), _connector='OR'), name='proposal_decided_by_another'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'approved'), _negated=True), ('decided_at__lt', models.F('expires_at')), _connector='OR'), name='proposal_approved_in_time'),
        ),
        migrations.AddIndex(
            model_name='staffnote',
            index=models.Index(fields=['workspace', '-id'], name='staff_note_of_workspace'),
        ),
        migrations.AddConstraint(
            model_name='staffnote',
            constraint=models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='staff_note_says_something'),
        ),
        migrations.AddConstraint(
            model_name='staffnote',
            constraint=models.CheckConstraint(condition=models.Q(('replaces', models.F('id')), _negated=True), name='staff_note_replaces_another'),
        ),
        migrations.AddConstraint(
            model_name='staffnote',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at', None), ('withdrawn_by', ''), ('withdrawn_why', '')), models.Q(('withdrawn_at__isnull', False), models.Q(('withdrawn_by', ''), _negated=True), models.Q(('withdrawn_why', ''), _negated=True)), _connector='OR'), name='staff_note_withdrawn_by_somebody'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
