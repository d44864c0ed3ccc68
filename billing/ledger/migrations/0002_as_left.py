"""A statement of a round trip that stops all those after it."""

from django.db import migrations

# PURSR is a class of SQLSTATE that neither the standard nor PostgreSQL uses; `billing.ledger.session` knows it.
FORWARD = """
CREATE FUNCTION ledger_as_left(is_so boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF is_so IS NOT TRUE THEN
        RAISE EXCEPTION 'the wallet is not as it was left' USING ERRCODE = 'PURSR',
            HINT = 'Somebody else was faster. Purser reads the wallet and repeats what it did.';
    END IF;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_squashed_0018_list_what_came_in_on_some_days")]

    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION ledger_as_left(boolean)")]
