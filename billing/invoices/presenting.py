"""A document in words, the same on pages, in e-mails, on paper and for the API."""

from datetime import UTC, datetime
from decimal import Decimal

from billing.credits import clock
from billing.invoices.countries import COUNTRIES, TAX_ID_TYPES
from billing.invoices.models import Document, DocumentLine
from billing.invoices.money import money_text, plain
from billing.ledger.services import cut

Status = Document.Status


def date_text(at: datetime | None) -> str:
    """ "3 March 2026": the dates of documents are those of UTC, wherever they are read."""
    if at is None:
        return ""
    local = at.astimezone(UTC)
    return f"{local.day} {local:%B %Y}"


def status_of(document: Document, now: datetime | None = None) -> str:
    """`status`, or "overdue", or "credited" for an invoice that credit notes took back whole."""
    if document.overdue(now or clock.now()):
        return "overdue"
    if document.kind == Document.Kind.INVOICE and document.total and document.credited == document.total:
        return "credited"
    return document.status


def what(document: Document) -> str:
    """One line about what a document is for."""
    if document.is_credit_note:
        return f"Credit for {document.invoice.number}" if document.invoice else "Credit note"
    return document.get_purpose_display()


def tax_label(name: str, percent: Decimal) -> str:
    """ "VAT 19 %"; "No tax" for a rate of nothing without a name."""
    if not name and not percent:
        return "No tax"
    return f"{name or 'Tax'} {plain(percent)} %"


def party_lines(party: dict[str, str]) -> list[str]:
    """Name, address, country and tax number, as they stand on paper."""
    lines = [party.get("name", ""), *party.get("address", "").splitlines(), COUNTRIES.get(party.get("country", ""), "")]
    if number := party.get("tax_id"):
        kind = TAX_ID_TYPES.get(party.get("tax_id_type", ""), "Tax number")
        lines.append(f"{kind if party.get('tax_id_type') != 'other' else 'Tax number'}: {number}")
    return [line.strip() for line in lines if line.strip()]


def paid_text(document: Document) -> str:
    """ "$120.00 paid on 3 March 2026 by transfer (reference X)"; empty when it is not paid."""
    return _payment_text(document, " paid")


def received_text(document: Document) -> str:
    """The same after "we received"."""
    return _payment_text(document, "")


def _payment_text(document: Document, verb: str) -> str:
    if document.status != Status.PAID:
        return ""
    how = f" by {document.payment_method}" if document.payment_method else ""
    reference = f" (reference {document.payment_reference})" if document.payment_reference else ""
    amount = money_text(document.amount_paid, document.currency)
    return f"{amount}{verb} on {date_text(document.paid_at)}{how}{reference}"


def line_quantity(line: DocumentLine) -> str:
    return plain(line.quantity)


def file_name(document: Document) -> str:
    """Of its PDF."""
    name = document.number or f"draft-{document.public_id}"
    return cut("".join(c if c.isalnum() or c in "-._" else "-" for c in name), 80) + ".pdf"
