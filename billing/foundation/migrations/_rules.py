"""What the database itself refuses: the audit log, what staff wrote and forms that were sent are kept."""

# The tests empty their own database between two tests: that needs the database's name and the setting, as in the ledger.
FORWARD = """
-- The audit log is written once. A person or workspace that is removed may leave the entry's reference, nothing else;
-- the label keeps the name.
CREATE FUNCTION audit_refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF starts_with(current_database(), 'test_') AND current_setting('purser.ledger_rewrite', true) = 'on' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD WHEN 'UPDATE' THEN NEW ELSE NULL END;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.actor_id IS NULL OR NEW.actor_id = OLD.actor_id)
            AND (NEW.workspace_id IS NULL OR NEW.workspace_id = OLD.workspace_id)
            AND to_jsonb(NEW) - 'actor_id' - 'workspace_id' = to_jsonb(OLD) - 'actor_id' - 'workspace_id'
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON foundation_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_rewrite();
CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON foundation_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_rewrite();

-- What staff wrote stays: of a note only that it was withdrawn is added, of a proposal only what was decided, once.
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

-- The forms of staff that did what they are for, so that one that is sent again does nothing.
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
DROP FUNCTION sent_form_refuse_rewrite() CASCADE;
DROP FUNCTION staff_keep_what_was_written() CASCADE;
DROP FUNCTION audit_refuse_rewrite() CASCADE;
"""
