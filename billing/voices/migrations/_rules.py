"""A version that is ready never changes, the channel points to what may serve, and states go one way."""

# The tests empty their own database between two tests: that needs the database's name and the setting, as in the ledger.
FORWARD = """
CREATE FUNCTION voices_rewrite_allowed() RETURNS boolean LANGUAGE sql AS $$
    SELECT starts_with(current_database(), 'test_')
        AND coalesce(current_setting('purser.ledger_rewrite', true) = 'on', false)
$$;

CREATE FUNCTION voices_refuse(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'voices: %', what USING ERRCODE = 'restrict_violation';
END
$$;

-- What a version is stays once it is ready. Its licence is accepted once; it may be withdrawn, and not come back.
CREATE FUNCTION voices_version_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    accepted text[] := ARRAY['licence_accepted_by', 'licence_accepted_at', 'licence_statement'];
BEGIN
    IF voices_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM voices_refuse('engine versions are kept');
    ELSIF TG_OP = 'DELETE' THEN
        IF OLD.state <> 'draft' THEN
            PERFORM voices_refuse('a version that was ready is kept');
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.licence_accepted_at IS NOT NULL AND (NEW.licence, NEW.licence_accepted_by, NEW.licence_accepted_at,
            NEW.licence_statement) IS DISTINCT FROM (OLD.licence, OLD.licence_accepted_by, OLD.licence_accepted_at,
            OLD.licence_statement) THEN
        PERFORM voices_refuse('who accepted a licence stays');
    END IF;
    IF OLD.is_test AND NOT NEW.is_test THEN
        PERFORM voices_refuse('a test engine stays one');
    END IF;
    IF OLD.state = 'draft' THEN
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - accepted - '{state,reason}'::text[] <> to_jsonb(OLD) - accepted - '{state,reason}'::text[] THEN
        PERFORM voices_refuse('a version that is ready never changes');
    END IF;
    IF (NEW.state, NEW.reason) IS DISTINCT FROM (OLD.state, OLD.reason)
            AND NOT (OLD.state = 'ready' AND NEW.state = 'broken') THEN
        PERFORM voices_refuse('a version ' || OLD.state || ' does not become ' || NEW.state);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER version_guard BEFORE UPDATE OR DELETE ON voices_engineversion
    FOR EACH ROW EXECUTE FUNCTION voices_version_guard();
CREATE TRIGGER version_kept BEFORE TRUNCATE ON voices_engineversion
    FOR EACH STATEMENT EXECUTE FUNCTION voices_version_guard();

-- The channel points to a version that is ready and licensed; FOR SHARE waits for whoever is withdrawing it.
CREATE FUNCTION voices_channel_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF voices_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
        PERFORM voices_refuse('the channel is kept');
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.active_id IS NOT DISTINCT FROM OLD.active_id THEN
        IF NEW.revision <> OLD.revision OR NEW.previous_id IS DISTINCT FROM OLD.previous_id THEN
            PERFORM voices_refuse('the channel is counted when it moves');
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.active_id IS NULL THEN
        IF TG_OP = 'UPDATE' THEN
            PERFORM voices_refuse('once a version serves, one does');
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.revision <> OLD.revision + 1 OR NEW.previous_id IS DISTINCT FROM OLD.active_id) THEN
        PERFORM voices_refuse('the channel moves by one, and remembers where from');
    END IF;
    PERFORM 1 FROM voices_engineversion WHERE id = NEW.active_id FOR SHARE;
    PERFORM 1 FROM voices_engineversion
        WHERE id = NEW.active_id AND state = 'ready' AND licence_accepted_at IS NOT NULL;
    IF NOT FOUND THEN
        PERFORM voices_refuse('only a version that is ready, and whose licence is accepted, can serve');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER channel_guard BEFORE INSERT OR UPDATE OR DELETE ON voices_enginechannel
    FOR EACH ROW EXECUTE FUNCTION voices_channel_guard();
CREATE TRIGGER channel_kept BEFORE TRUNCATE ON voices_enginechannel
    FOR EACH STATEMENT EXECUTE FUNCTION voices_channel_guard();

-- A version that serves is not withdrawn.
CREATE FUNCTION voices_version_serves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM voices_enginechannel WHERE active_id = NEW.id) THEN
        PERFORM voices_refuse('the version serves');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER version_serves BEFORE UPDATE ON voices_engineversion
    FOR EACH ROW WHEN (NEW.state = 'broken' AND OLD.state <> 'broken') EXECUTE FUNCTION voices_version_serves();

-- A voice goes from draft to enabled and retired, between these two as often as wanted, and is deleted for good. A
-- consent that was recorded stays as it was.
CREATE FUNCTION voices_voice_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF voices_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
        PERFORM voices_refuse('voices are kept; deleting one is a state');
    END IF;
    IF NEW.state <> OLD.state AND NOT (
        (OLD.state = 'draft' AND NEW.state IN ('enabled', 'retired', 'deleted'))
        OR (OLD.state = 'enabled' AND NEW.state IN ('retired', 'deleted'))
        OR (OLD.state = 'retired' AND NEW.state IN ('enabled', 'deleted'))
    ) THEN
        PERFORM voices_refuse('a voice ' || OLD.state || ' does not become ' || NEW.state);
    END IF;
    IF OLD.consent_at IS NOT NULL AND (NEW.consent_at, NEW.consent_by, NEW.consent_statement, NEW.consent_recorded_by)
            IS DISTINCT FROM (OLD.consent_at, OLD.consent_by, OLD.consent_statement, OLD.consent_recorded_by) THEN
        PERFORM voices_refuse('a consent that was recorded stays');
    END IF;
    IF (NEW.public_id, NEW.owner_id) IS DISTINCT FROM (OLD.public_id, OLD.owner_id) THEN
        PERFORM voices_refuse('whose voice it is stays');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER voice_guard BEFORE UPDATE OR DELETE ON voices_voice
    FOR EACH ROW EXECUTE FUNCTION voices_voice_guard();
CREATE TRIGGER voice_kept BEFORE TRUNCATE ON voices_voice
    FOR EACH STATEMENT EXECUTE FUNCTION voices_voice_guard();

-- A rollout that ended stays ended, and one that switched can only be rolled back.
CREATE FUNCTION voices_rollout_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF voices_rewrite_allowed() THEN
        RETURN NEW;
    END IF;
    IF (NEW.version_id, NEW.previous_id) IS DISTINCT FROM (OLD.version_id, OLD.previous_id) THEN
        PERFORM voices_refuse('what a rollout is of stays');
    END IF;
    IF NEW.state <> OLD.state AND NOT (
        (OLD.state IN ('building', 'verifying', 'ready') AND NEW.state IN ('building', 'verifying', 'ready', 'aborted'))
        OR (OLD.state = 'ready' AND NEW.state = 'switched')
        OR (OLD.state = 'switched' AND NEW.state = 'rolled_back')
    ) THEN
        PERFORM voices_refuse('a rollout ' || OLD.state || ' does not become ' || NEW.state);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER rollout_guard BEFORE UPDATE ON voices_rollout
    FOR EACH ROW EXECUTE FUNCTION voices_rollout_guard();

-- What a clone cost stays as it was agreed on, and is taken once.
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

-- The one row of the channel: nothing serves yet.
INSERT INTO voices_enginechannel (id, revision, changed_at) VALUES (1, 0, now());
"""

BACKWARD = """
DROP FUNCTION voices_job_guard() CASCADE;
DROP FUNCTION voices_rollout_guard() CASCADE;
DROP FUNCTION voices_voice_guard() CASCADE;
DROP FUNCTION voices_version_serves() CASCADE;
DROP FUNCTION voices_channel_guard() CASCADE;
DROP FUNCTION voices_version_guard() CASCADE;
DROP FUNCTION voices_refuse(text) CASCADE;
DROP FUNCTION voices_rewrite_allowed() CASCADE;
"""
