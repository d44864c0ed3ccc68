"""What was agreed to never changes, an automatic charge keeps its reason, and both are never deleted. A purchase stays
automatic, or not.
"""

from django.db import migrations

_PROMISES = "currency, price, discount, amount, tax_name, tax_percent"
_NAMES = f"""public_id, workspace_id, key, request_hash, pack_id, pack_version, name, credits, bonus_credits, promotion_id,
    promotion_code, promotion_credits, validity_days, {_PROMISES}"""


def _guard(names: str) -> str:
    columns = [name.strip() for name in names.split(",")]
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    return f"""
CREATE OR REPLACE FUNCTION packs_purchase_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF packs_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'purchases are kept' USING ERRCODE = 'restrict_violation';
    END IF;
    IF ({old}) IS DISTINCT FROM ({new}) THEN
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
"""


FORWARD = (
    _guard(f"automatic, {_NAMES}")
    + """
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
"""
)

BACKWARD = (
    """
DROP TRIGGER top_up_guard ON packs_topup;
DROP FUNCTION packs_top_up_guard;
DROP TRIGGER consent_guard ON packs_topupconsent;
DROP FUNCTION packs_consent_guard;
"""
    + _guard(_NAMES)
)


class Migration(migrations.Migration):
    dependencies = [("packs", "0004_automatic_top_ups")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
