"""What customers have and agreed to never changes: published versions and their credit tiers, how much there was of a
resource, and the agreements to automatic upgrades. The database itself refuses it.
"""

# The tests empty their own database between two tests, and try what nobody should: as in the ledger.
FORWARD = """
CREATE FUNCTION plans_rewrite_allowed() RETURNS boolean LANGUAGE sql AS $$
    SELECT starts_with(current_database(), 'test_')
        AND coalesce(current_setting('purser.ledger_rewrite', true) = 'on', false)
$$;

CREATE FUNCTION plans_refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF plans_rewrite_allowed() THEN
        IF TG_LEVEL = 'STATEMENT' THEN
            RETURN NULL;
        END IF;
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION '% is kept: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER published_version_changed BEFORE UPDATE ON plans_planversion FOR EACH ROW
    WHEN (OLD.published_at IS NOT NULL AND OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION plans_refuse_rewrite();
CREATE TRIGGER published_version_deleted BEFORE DELETE ON plans_planversion FOR EACH ROW
    WHEN (OLD.published_at IS NOT NULL) EXECUTE FUNCTION plans_refuse_rewrite();
CREATE TRIGGER plan_versions_kept BEFORE TRUNCATE ON plans_planversion
    FOR EACH STATEMENT EXECUTE FUNCTION plans_refuse_rewrite();

-- FOR SHARE waits for whoever is publishing the version.
CREATE FUNCTION plans_credit_tier_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT plans_rewrite_allowed() THEN
        PERFORM 1 FROM plans_planversion WHERE id = OLD.version_id FOR SHARE;
        PERFORM 1 FROM plans_planversion WHERE id = OLD.version_id AND published_at IS NOT NULL;
        IF FOUND THEN
            RAISE EXCEPTION 'the credit tiers of a published version are kept: % is refused', TG_OP
                USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER credit_tier_guard BEFORE UPDATE OR DELETE ON plans_credittier
    FOR EACH ROW EXECUTE FUNCTION plans_credit_tier_guard();
CREATE TRIGGER credit_tiers_kept BEFORE TRUNCATE ON plans_credittier
    FOR EACH STATEMENT EXECUTE FUNCTION plans_refuse_rewrite();

CREATE TRIGGER resource_quantity_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON plans_resourcequantity
    FOR EACH STATEMENT EXECUTE FUNCTION plans_refuse_rewrite();

-- An agreement is withdrawn once; nothing else of it changes.
CREATE TRIGGER auto_upgrade_changed BEFORE UPDATE ON plans_autoupgrade FOR EACH ROW
    WHEN (OLD.withdrawn_at IS NOT NULL
        OR (OLD.id, OLD.workspace_id, OLD.highest_id, OLD.most_cents, OLD.agreed_by_id, OLD.agreed_at, OLD.text)
            IS DISTINCT FROM
            (NEW.id, NEW.workspace_id, NEW.highest_id, NEW.most_cents, NEW.agreed_by_id, NEW.agreed_at, NEW.text))
    EXECUTE FUNCTION plans_refuse_rewrite();
CREATE TRIGGER auto_upgrade_kept BEFORE DELETE OR TRUNCATE ON plans_autoupgrade
    FOR EACH STATEMENT EXECUTE FUNCTION plans_refuse_rewrite();
"""

BACKWARD = """
DROP FUNCTION plans_credit_tier_guard() CASCADE;
DROP FUNCTION plans_refuse_rewrite() CASCADE;
DROP FUNCTION plans_rewrite_allowed() CASCADE;
"""
