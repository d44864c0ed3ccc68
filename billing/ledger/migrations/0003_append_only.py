"""History is written once: the database itself refuses to change or remove it."""

from django.db import migrations

# The tests empty their own database between two tests, and prove that verify_ledger finds what a superuser did.
# Both need the database's name and the setting; a live database never has such a name.
FORWARD = """
CREATE FUNCTION ledger_refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF starts_with(current_database(), 'test_') AND current_setting('purser.ledger_rewrite', true) = 'on' THEN
        IF TG_LEVEL = 'STATEMENT' THEN
            RETURN NULL;
        END IF;
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION 'the ledger is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Post a correcting operation instead.';
END
$$;

CREATE TRIGGER operation_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_operation
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER transfer_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER lot_take_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_lottake
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER wallet_kept BEFORE DELETE OR TRUNCATE ON ledger_wallet
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER lot_kept BEFORE DELETE OR TRUNCATE ON ledger_lot
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
-- Everything but remaining, held, scheduled, priority. By statement and column list, so that a spend pays nothing for it.
CREATE TRIGGER lot_terms_fixed
    BEFORE UPDATE OF id, workspace_id, operation_id, seq, source, label, amount, effective_at, expires_at,
        unit_price_usd, created_at
    ON ledger_lot FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();

CREATE FUNCTION ledger_keep_face_value() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF starts_with(current_database(), 'test_') AND current_setting('purser.ledger_rewrite', true) = 'on' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF EXISTS (SELECT 1 FROM ledger_transfer) THEN
        RAISE EXCEPTION 'the face value of a credit is fixed once the ledger has an entry'
            USING ERRCODE = 'restrict_violation', HINT = 'Every balance would change its worth.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;

CREATE TRIGGER site_face_value_fixed BEFORE UPDATE OF usd_per_credit ON foundation_sitesettings
    FOR EACH ROW WHEN (OLD.usd_per_credit IS DISTINCT FROM NEW.usd_per_credit)
    EXECUTE FUNCTION ledger_keep_face_value();
CREATE TRIGGER site_settings_kept BEFORE DELETE ON foundation_sitesettings
    FOR EACH ROW EXECUTE FUNCTION ledger_keep_face_value();
"""

BACKWARD = """
DROP TRIGGER site_settings_kept ON foundation_sitesettings;
DROP TRIGGER site_face_value_fixed ON foundation_sitesettings;
DROP FUNCTION ledger_keep_face_value();
DROP TRIGGER lot_terms_fixed ON ledger_lot;
DROP TRIGGER lot_kept ON ledger_lot;
DROP TRIGGER wallet_kept ON ledger_wallet;
DROP TRIGGER lot_take_append_only ON ledger_lottake;
DROP TRIGGER transfer_append_only ON ledger_transfer;
DROP TRIGGER operation_append_only ON ledger_operation;
DROP FUNCTION ledger_refuse_rewrite();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_lot_burn_order"),
        ("foundation", "0001_initial"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
