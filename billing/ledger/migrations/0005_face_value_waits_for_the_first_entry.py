"""A change of the face value waits for entries that are being written, and is refused once they are there."""

from django.db import migrations

# The first look refuses without waiting, as a ledger in use must not be held up. Only an empty one is locked, and
# looked at again: each statement of the function sees what was committed until then.
FUNCTION = """
CREATE OR REPLACE FUNCTION ledger_keep_face_value() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF starts_with(current_database(), 'test_') AND current_setting('purser.ledger_rewrite', true) = 'on' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    {wait}
    IF EXISTS (SELECT 1 FROM ledger_transfer) THEN
        RAISE EXCEPTION 'the face value of a credit is fixed once the ledger has an entry'
            USING ERRCODE = 'restrict_violation', HINT = 'Every balance would change its worth.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
"""
WAIT = """IF NOT EXISTS (SELECT 1 FROM ledger_transfer) THEN
        LOCK TABLE ledger_transfer IN SHARE MODE;
    END IF;"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_hot_rows")]
    operations = [migrations.RunSQL(FUNCTION.format(wait=WAIT), FUNCTION.format(wait=""))]
