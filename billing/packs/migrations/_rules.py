"""What the database itself refuses: purchases, refunds, agreements, automatic charges and payments in USDC are kept."""

# The tests empty their own database between two tests, and try what nobody should: as in the ledger.
FORWARD = """
CREATE FUNCTION packs_rewrite_allowed() RETURNS boolean LANGUAGE sql AS $$
    SELECT starts_with(current_database(), 'test_')
        AND coalesce(current_setting('purser.ledger_rewrite', true) = 'on', false)
$$;

-- What a purchase promises never changes, what it has become is never undone, and it is never deleted. It stays
-- automatic, or not.
CREATE FUNCTION packs_purchase_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF packs_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'purchases are kept' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.automatic, OLD.public_id, OLD.workspace_id, OLD.key, OLD.request_hash, OLD.pack_id, OLD.pack_version, OLD.name,
            OLD.credits, OLD.bonus_credits, OLD.promotion_id, OLD.promotion_code, OLD.promotion_credits, OLD.validity_days,
            OLD.currency, OLD.price, OLD.discount, OLD.amount, OLD.tax_name, OLD.tax_percent)
        IS DISTINCT FROM
            (NEW.automatic, NEW.public_id, NEW.workspace_id, NEW.key, NEW.request_hash, NEW.pack_id, NEW.pack_version, NEW.name,
            NEW.credits, NEW.bonus_credits, NEW.promotion_id, NEW.promotion_code, NEW.promotion_credits, NEW.validity_days,
            NEW.currency, NEW.price, NEW.discount, NEW.amount, NEW.tax_name, NEW.tax_percent) THEN
        RAISE EXCEPTION 'what a purchase promises is fixed' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.payment_id IS NOT NULL AND NEW.payment_id IS DISTINCT FROM OLD.payment_id)
            OR (OLD.status = 'fulfilled' AND (OLD.status, OLD.lot_id, OLD.bonus_lot_id, OLD.promotion_lot_id, OLD.document_id)
                IS DISTINCT FROM (NEW.status, NEW.lot_id, NEW.bonus_lot_id, NEW.promotion_lot_id, NEW.document_id)) THEN
        RAISE EXCEPTION 'what was paid and credited stays so' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER purchase_guard BEFORE UPDATE OR DELETE ON packs_purchase
    FOR EACH ROW EXECUTE FUNCTION packs_purchase_guard();

-- A refund or dispute is one of Stripe's for ever, and its documents stay its own.
CREATE FUNCTION packs_money_back_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF packs_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'refunds and disputes are kept' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.purchase_id <> OLD.purchase_id OR NEW.kind <> OLD.kind
            OR (OLD.stripe_id IS NOT NULL AND NEW.stripe_id IS DISTINCT FROM OLD.stripe_id)
            OR (OLD.document_id IS NOT NULL AND NEW.document_id IS DISTINCT FROM OLD.document_id)
            OR (OLD.again_id IS NOT NULL AND NEW.again_id IS DISTINCT FROM OLD.again_id)
            OR (OLD.document_id IS NOT NULL AND NEW.amount <> OLD.amount) THEN
        RAISE EXCEPTION 'what went back stays so' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER money_back_guard BEFORE UPDATE OR DELETE ON packs_moneyback
    FOR EACH ROW EXECUTE FUNCTION packs_money_back_guard();

-- What was agreed to never changes, and an automatic charge keeps its reason.
CREATE FUNCTION packs_consent_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF packs_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'agreements are kept' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.workspace_id, OLD.person_id, OLD.person_label, OLD.at, OLD.text, OLD.method, OLD.card, OLD.threshold,
            OLD.amount, OLD.target, OLD.day_cap, OLD.month_cap)
        IS DISTINCT FROM
            (NEW.workspace_id, NEW.person_id, NEW.person_label, NEW.at, NEW.text, NEW.method, NEW.card, NEW.threshold,
            NEW.amount, NEW.target, NEW.day_cap, NEW.month_cap)
            OR (OLD.ended_at IS NOT NULL AND (OLD.ended_at, OLD.ended_because) IS DISTINCT FROM
                (NEW.ended_at, NEW.ended_because)) THEN
        RAISE EXCEPTION 'what was agreed to is fixed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER consent_guard BEFORE UPDATE OR DELETE ON packs_topupconsent
    FOR EACH ROW EXECUTE FUNCTION packs_consent_guard();

CREATE FUNCTION packs_top_up_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF packs_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'automatic charges are kept' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.purchase_id, OLD.consent_id, OLD.method, OLD.balance, OLD.threshold, OLD.reason, OLD.attempt)
        IS DISTINCT FROM
            (NEW.purchase_id, NEW.consent_id, NEW.method, NEW.balance, NEW.threshold, NEW.reason, NEW.attempt)
            OR (OLD.sent_at IS NOT NULL AND NEW.sent_at IS DISTINCT FROM OLD.sent_at)
            OR (OLD.outcome <> '' AND NEW.outcome NOT IN (OLD.outcome, 'succeeded'))
            OR (OLD.outcome = 'succeeded' AND NEW.outcome <> 'succeeded') THEN
        RAISE EXCEPTION 'why a card was charged, and what came of it, is fixed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER top_up_guard BEFORE UPDATE OR DELETE ON packs_topup
    FOR EACH ROW EXECUTE FUNCTION packs_top_up_guard();

-- What a payment in USDC promises and which authorization it is never changes, and what was credited stays.
CREATE FUNCTION packs_crypto_payment_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF packs_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'payments are kept' USING ERRCODE = 'restrict_violation';
    END IF;
    IF to_jsonb(NEW) - '{idempotency_key,state,transaction,problem,attempts,leased_until,credited_at,lot_id,bonus_lot_id,document_id,decided_by,decided_why}'::text[]
        <> to_jsonb(OLD) - '{idempotency_key,state,transaction,problem,attempts,leased_until,credited_at,lot_id,bonus_lot_id,document_id,decided_by,decided_why}'::text[]
    THEN
        RAISE EXCEPTION 'what a payment promises is fixed' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'credited' AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'what was credited stays so' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER crypto_payment_guard BEFORE UPDATE OR DELETE ON packs_cryptopayment
    FOR EACH ROW EXECUTE FUNCTION packs_crypto_payment_guard();
"""

BACKWARD = """
DROP FUNCTION packs_crypto_payment_guard() CASCADE;
DROP FUNCTION packs_top_up_guard() CASCADE;
DROP FUNCTION packs_consent_guard() CASCADE;
DROP FUNCTION packs_money_back_guard() CASCADE;
DROP FUNCTION packs_purchase_guard() CASCADE;
DROP FUNCTION packs_rewrite_allowed() CASCADE;
"""
