"""What a purchase promises never changes, what it has become is never undone, and it is never deleted."""

from django.db import migrations

# The tests empty their own database between two tests, and try what nobody should: as in the ledger.
FORWARD = """
CREATE FUNCTION packs_rewrite_allowed() RETURNS boolean LANGUAGE sql AS $$
    SELECT starts_with(current_database(), 'test_')
        AND coalesce(current_setting('purser.ledger_rewrite', true) = 'on', false)
$$;

CREATE FUNCTION packs_purchase_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF packs_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'purchases are kept' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.public_id, OLD.workspace_id, OLD.key, OLD.request_hash, OLD.pack_id, OLD.pack_version, OLD.name, OLD.credits,
            OLD.bonus_credits, OLD.promotion_id, OLD.promotion_code, OLD.promotion_credits, OLD.validity_days,
            OLD.currency, OLD.price, OLD.discount, OLD.amount, OLD.tax_name, OLD.tax_percent)
        IS DISTINCT FROM
            (NEW.public_id, NEW.workspace_id, NEW.key, NEW.request_hash, NEW.pack_id, NEW.pack_version, NEW.name, NEW.credits,
            NEW.bonus_credits, NEW.promotion_id, NEW.promotion_code, NEW.promotion_credits, NEW.validity_days,
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
"""

BACKWARD = """
DROP TRIGGER money_back_guard ON packs_moneyback;
DROP FUNCTION packs_money_back_guard;
DROP TRIGGER purchase_guard ON packs_purchase;
DROP FUNCTION packs_purchase_guard;
DROP FUNCTION packs_rewrite_allowed;
"""


class Migration(migrations.Migration):
    dependencies = [("packs", "0001_packs_and_purchases")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
