"""History is written once: the database itself refuses to change or remove it. And where rows have room to change."""

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

-- The face value of a credit. The first look refuses without waiting, as a ledger in use must not be held up. Only an
-- empty one is locked, and looked at again: each statement of the function sees what was committed until then.
CREATE FUNCTION ledger_keep_face_value() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF starts_with(current_database(), 'test_') AND current_setting('purser.ledger_rewrite', true) = 'on' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM ledger_transfer) THEN
        LOCK TABLE ledger_transfer IN SHARE MODE;
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

-- A hold is written once and resolved once; only how long it is open changes, until it is not.
CREATE TRIGGER hold_kept BEFORE DELETE OR TRUNCATE ON ledger_hold
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER hold_terms_fixed
    BEFORE UPDATE OF operation_id, workspace_id, origin, amount, overdraft, label, created_at, expires_at
    ON ledger_hold FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER hold_stays_resolved BEFORE UPDATE OF open_until ON ledger_hold
    FOR EACH ROW WHEN (OLD.open_until IS NULL AND NEW.open_until IS NOT NULL)
    EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER hold_extension_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_holdextension
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
CREATE TRIGGER hold_resolution_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_holdresolution
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();

-- A lot goes on in another one, which ends later: written once, and only of the same source and price.
CREATE FUNCTION ledger_check_extension() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM ledger_lot was JOIN ledger_lot goes_on ON goes_on.id = NEW.into_id
        WHERE was.id = NEW.lot_id AND goes_on.workspace_id = was.workspace_id AND goes_on.source = was.source
            AND goes_on.unit_price_usd IS NOT DISTINCT FROM was.unit_price_usd
            AND goes_on.operation_id = NEW.operation_id AND goes_on.amount = NEW.amount
            AND was.expires_at > goes_on.effective_at AND goes_on.expires_at > was.expires_at
    ) THEN
        RAISE EXCEPTION 'lot % cannot go on as lot %', NEW.lot_id, NEW.into_id USING ERRCODE = 'check_violation',
            HINT = 'It has to be of the same workspace, source and price, and to end later than one that has not ended.';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER lot_extension_fits BEFORE INSERT ON ledger_lotextension
    FOR EACH ROW EXECUTE FUNCTION ledger_check_extension();
CREATE TRIGGER lot_extension_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_lotextension
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();

-- Room on the page for the rows that every request updates, so that an update touches no index.
ALTER TABLE ledger_wallet SET (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
ALTER TABLE ledger_lot SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
"""

BACKWARD = """
DROP FUNCTION ledger_check_extension() CASCADE;
DROP FUNCTION ledger_keep_face_value() CASCADE;
DROP FUNCTION ledger_refuse_rewrite() CASCADE;
"""
