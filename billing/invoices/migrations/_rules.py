"""A document is fixed once it has its number, adds up, and its series has no gaps: the database itself sees to it."""

# The tests empty their own database between two tests: that needs the database's name and the setting, as in the ledger.
FORWARD = """
ALTER TABLE invoices_documentline ADD CONSTRAINT document_line_amount
    CHECK (amount = round(quantity * unit_amount));
ALTER TABLE invoices_documentline ADD CONSTRAINT document_line_untaxed CHECK (tax_percent > 0 OR tax = 0);

CREATE FUNCTION invoices_rewrite_allowed() RETURNS boolean LANGUAGE sql AS $$
    SELECT starts_with(current_database(), 'test_')
        AND coalesce(current_setting('purser.ledger_rewrite', true) = 'on', false)
$$;

CREATE FUNCTION invoices_refuse(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'documents: %', what USING ERRCODE = 'restrict_violation';
END
$$;

-- A number follows the one before it, by one.
CREATE FUNCTION invoices_counter_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF invoices_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
        PERFORM invoices_refuse('the counter of a series is kept');
    ELSIF TG_OP = 'INSERT' AND NEW.last <> 1 THEN
        PERFORM invoices_refuse('a series begins with 1');
    ELSIF TG_OP = 'UPDATE' AND (NEW.last <> OLD.last + 1 OR NEW.series <> OLD.series OR NEW.year <> OLD.year
            OR NEW.last_at < OLD.last_at) THEN
        PERFORM invoices_refuse('numbers are drawn one by one');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER counter_guard BEFORE INSERT OR UPDATE OR DELETE ON invoices_numbercounter
    FOR EACH ROW EXECUTE FUNCTION invoices_counter_guard();
CREATE TRIGGER counter_kept BEFORE TRUNCATE ON invoices_numbercounter
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_counter_guard();

-- What a document is when it gets its number.
CREATE FUNCTION invoices_check_issue(d invoices_document) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    s record;
    n record;
BEGIN
    SELECT count(*) AS lines, coalesce(sum(amount), 0) AS subtotal, coalesce(sum(discount), 0) AS discount,
        coalesce(sum(tax), 0) AS tax, coalesce(sum(credits), 0) AS credits
        INTO s FROM invoices_documentline WHERE document_id = d.id;
    IF s.lines = 0 OR (s.subtotal, s.discount, s.tax, s.credits) <> (d.subtotal, d.discount, d.tax, d.credits) THEN
        PERFORM invoices_refuse('its lines do not add up to it');
    END IF;
    SELECT last, last_at INTO n FROM invoices_numbercounter WHERE series = d.series AND year = d.year;
    IF n.last IS DISTINCT FROM d.sequence
            OR d.number <> d.series || '-' || d.year || '-' || lpad(d.sequence::text, greatest(6, length(d.sequence::text)), '0')
            OR d.year <> extract(year FROM d.issued_at AT TIME ZONE 'UTC') THEN
        PERFORM invoices_refuse('its number was not drawn');
    END IF;
END
$$;

-- A credit note takes its total off its invoice, which must be there to be credited; CHECK keeps it within the total.
CREATE FUNCTION invoices_credit(d invoices_document) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE invoices_document SET credited = credited + d.total
        WHERE id = d.invoice_id AND kind = 'invoice' AND workspace_id = d.workspace_id AND origin = d.origin
            AND currency = d.currency AND number IS NOT NULL AND (origin = 'stripe' OR status IN ('open', 'paid', 'uncollectible'));
    IF NOT FOUND THEN
        PERFORM invoices_refuse('there is no such invoice to credit');
    END IF;
END
$$;

CREATE FUNCTION invoices_document_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    free text[] := ARRAY['status', 'amount_paid', 'credited', 'paid_at', 'closed_at', 'payment_method',
        'payment_reference', 'reminders'];
BEGIN
    IF invoices_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM invoices_refuse('issued documents are kept');
    ELSIF TG_OP = 'DELETE' THEN
        IF OLD.number IS NOT NULL THEN
            PERFORM invoices_refuse('issued documents are kept');
        END IF;
        RETURN OLD;
    ELSIF TG_OP = 'INSERT' THEN
        IF NEW.credited <> 0 OR (NEW.origin = 'own' AND NEW.number IS NOT NULL) THEN
            PERFORM invoices_refuse('a document is written first and numbered last');
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.credited <> OLD.credited AND pg_trigger_depth() < 2 THEN
        PERFORM invoices_refuse('what was credited is the sum of the credit notes');
    END IF;
    IF (NEW.workspace_id, NEW.origin, NEW.kind, NEW.key, NEW.public_id, NEW.stripe_id, NEW.invoice_id)
            IS DISTINCT FROM (OLD.workspace_id, OLD.origin, OLD.kind, OLD.key, OLD.public_id, OLD.stripe_id, OLD.invoice_id) THEN
        PERFORM invoices_refuse('whose document it is stays');
    END IF;
    IF OLD.origin = 'stripe' THEN
        RETURN NEW;
    END IF;
    IF OLD.number IS NULL THEN
        IF NEW.number IS NOT NULL THEN
            PERFORM invoices_check_issue(NEW);
        END IF;
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - free <> to_jsonb(OLD) - free THEN
        PERFORM invoices_refuse('what an issued document says is fixed: issue a credit note');
    END IF;
    IF NEW.status <> OLD.status AND NOT (
        (OLD.status = 'open' AND NEW.status IN ('paid', 'void', 'uncollectible'))
        OR (OLD.status = 'uncollectible' AND NEW.status IN ('paid', 'void'))
    ) THEN
        PERFORM invoices_refuse(OLD.status || ' does not become ' || NEW.status);
    END IF;
    IF (NEW.amount_paid, NEW.paid_at) IS DISTINCT FROM (OLD.amount_paid, OLD.paid_at)
            AND (NEW.status <> 'paid' OR OLD.status = 'paid') THEN
        PERFORM invoices_refuse('it is paid once');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER document_guard BEFORE INSERT OR UPDATE OR DELETE ON invoices_document
    FOR EACH ROW EXECUTE FUNCTION invoices_document_guard();
CREATE TRIGGER document_kept BEFORE TRUNCATE ON invoices_document
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_document_guard();

CREATE FUNCTION invoices_credit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR OLD.number IS NULL THEN
        PERFORM invoices_credit(NEW);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER document_credits AFTER INSERT OR UPDATE ON invoices_document
    FOR EACH ROW WHEN (NEW.kind = 'credit_note' AND NEW.number IS NOT NULL) EXECUTE FUNCTION invoices_credit_guard();

-- Only a draft may be left without a number.
CREATE FUNCTION invoices_numbered_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM invoices_document WHERE id = NEW.id AND number IS NULL AND status <> 'draft') THEN
        PERFORM invoices_refuse('it was written and not numbered');
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER document_numbered AFTER INSERT OR UPDATE ON invoices_document
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.number IS NULL)
    EXECUTE FUNCTION invoices_numbered_at_commit();

-- FOR SHARE waits for whoever is issuing the document, and then sees its number.
CREATE FUNCTION invoices_line_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_document bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.document_id ELSE NEW.document_id END;
BEGIN
    IF invoices_rewrite_allowed() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.document_id <> OLD.document_id THEN
        PERFORM invoices_refuse('a line stays with its document');
    END IF;
    PERFORM 1 FROM invoices_document WHERE id = of_document FOR SHARE;
    PERFORM 1 FROM invoices_document WHERE id = of_document AND origin = 'own' AND number IS NOT NULL;
    IF FOUND THEN
        PERFORM invoices_refuse('the lines of an issued document are fixed');
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER line_guard BEFORE INSERT OR UPDATE OR DELETE ON invoices_documentline
    FOR EACH ROW EXECUTE FUNCTION invoices_line_guard();
CREATE TRIGGER line_kept BEFORE TRUNCATE ON invoices_documentline
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_document_guard();
"""

BACKWARD = """
DROP FUNCTION invoices_line_guard() CASCADE;
DROP FUNCTION invoices_numbered_at_commit() CASCADE;
DROP FUNCTION invoices_credit_guard() CASCADE;
DROP FUNCTION invoices_document_guard() CASCADE;
DROP FUNCTION invoices_credit(invoices_document) CASCADE;
DROP FUNCTION invoices_check_issue(invoices_document) CASCADE;
DROP FUNCTION invoices_counter_guard() CASCADE;
DROP FUNCTION invoices_refuse(text) CASCADE;
DROP FUNCTION invoices_rewrite_allowed() CASCADE;
ALTER TABLE invoices_documentline DROP CONSTRAINT document_line_untaxed;
ALTER TABLE invoices_documentline DROP CONSTRAINT document_line_amount;
"""
