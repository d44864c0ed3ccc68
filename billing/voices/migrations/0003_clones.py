"""What a clone cost stays as it was agreed on, and is taken once."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

FORWARD = """
CREATE FUNCTION voices_job_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.price_snapshot IS NOT NULL AND NEW.price_snapshot IS DISTINCT FROM OLD.price_snapshot)
            OR (OLD.hold_id IS NOT NULL AND NEW.hold_id IS DISTINCT FROM OLD.hold_id)
            OR (OLD.charge_id IS NOT NULL AND NEW.charge_id IS DISTINCT FROM OLD.charge_id) THEN
        PERFORM voices_refuse('what a clone costs stays');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER job_guard BEFORE UPDATE ON voices_voicejob
    FOR EACH ROW WHEN (OLD.price_snapshot IS NOT NULL) EXECUTE FUNCTION voices_job_guard();
"""
BACKWARD = """
DROP TRIGGER job_guard ON voices_voicejob;
DROP FUNCTION voices_job_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0018_list_what_came_in_on_some_days"), ("voices", "0002_what_is_kept")]
    operations = [
        migrations.RemoveConstraint(model_name="voicejob", name="voice_job_hold_has_a_price"),
        migrations.AddField(
            model_name="voicejob",
            name="charge",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="ledger.operation",
            ),
        ),
        migrations.AddConstraint(
            model_name="voicejob",
            constraint=models.CheckConstraint(
                condition=Q(charge=None, hold=None) | Q(price_snapshot__isnull=False),
                name="voice_job_hold_has_a_price",
            ),
        ),
        migrations.AddConstraint(
            model_name="voicejob",
            constraint=models.CheckConstraint(
                condition=Q(charge=None) | Q(state="done"), name="voice_job_charged_when_done"
            ),
        ),
        migrations.AddConstraint(
            model_name="voicejob",
            constraint=models.UniqueConstraint(
                condition=Q(
                    ("price_snapshot__isnull", False),
                    ("state__in", ("queued", "running", "cancelling", "interrupted")),
                ),
                fields=("voice",),
                name="voice_job_one_clone_per_voice",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
