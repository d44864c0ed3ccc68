"""What stands on the paper of a document: every text ready to be set, and nothing else."""

from typing import Any

from billing.credits.format import exact_text
from billing.foundation.site.selectors import site
from billing.invoices.models import Document, DocumentLine
from billing.invoices.money import money_text, unit_text
from billing.invoices.presenting import date_text, line_quantity, paid_text, party_lines, tax_label
from billing.invoices.profiles import customer_snapshot, profile_of
from billing.invoices.selectors import by_rate
from billing.invoices.seller import seller, seller_snapshot

Status = Document.Status
SHIPPED_ACCENT = "#3b50d6"
STAMPS = {Status.PAID: "Paid", Status.VOID: "Void", Status.UNCOLLECTIBLE: "", Status.DRAFT: "Draft"}


def paper(document: Document) -> dict[str, Any]:
    """A draft is shown as it would be issued now."""
    draft = document.number is None
    issuer = seller_snapshot(seller()) if draft else document.seller
    customer = customer_snapshot(document.workspace) if draft else document.customer
    lines = list(document.lines.select_related("document").order_by("position"))
    title = "Credit note" if document.is_credit_note else "Invoice"
    return {
        "title": title,
        "number": document.number or "Draft",
        "stamp": STAMPS.get(Status(document.status), ""),
        "brand": issuer.get("logo_text", ""),
        "logo": issuer.get("logo", ""),
        "accent": issuer.get("accent", "") or SHIPPED_ACCENT,
        "seller": party_lines(issuer),
        "contact": [text for text in (issuer.get("email", ""), issuer.get("website", "")) if text],
        "customer": party_lines(customer),
        "facts": _facts(document, profile_of(document.workspace).purchase_order if draft else ""),
        "lines": [_line(document, line) for line in lines],
        "totals": _totals(document, lines),
        "grand": _grand(document, lines),
        "notes": _notes(document, issuer),
        "bank": _bank(document, issuer),
        "reference": document.number or "of its number",
        "footer": issuer.get("footer", ""),
    }


def _facts(document: Document, purchase_order: str) -> list[list[str]]:
    facts = [["Date", date_text(document.issued_at) or "when it is issued"]]
    if document.invoice:
        facts.append(["For invoice", str(document.invoice.number)])
    if document.status == Status.PAID and document.paid_at:
        facts.append(["Paid on", date_text(document.paid_at)])
    elif document.due_at:
        facts.append(["Due on", date_text(document.due_at)])
    elif document.number is None:
        facts.append(["Due", f"{document.net_days} days after"])
    if number := document.purchase_order or purchase_order:
        facts.append(["Purchase order", number])
    facts.append(["Currency", document.currency.upper()])
    return facts


def _line(document: Document, line: DocumentLine) -> dict[str, str]:
    details = [line.detail] if line.detail else []
    if line.credits:
        details.append(f"{exact_text(line.credits)} {site().credit_name_plural}")
    if line.discount:
        details.append(f"Discount {money_text(-line.discount, document.currency)}")
    return {
        "description": line.description,
        "details": " · ".join(details),
        "quantity": line_quantity(line),
        "unit": unit_text(line.unit_amount, document.currency),
        "tax": tax_label(line.tax_name, line.tax_percent) if line.tax_percent or line.tax_name else "–",
        "amount": money_text(line.amount, document.currency),
    }


def _totals(document: Document, lines: list[DocumentLine]) -> list[list[str]]:
    money = document.currency
    rows = [["Subtotal", money_text(document.subtotal - document.discount, money)]]
    if document.discount:
        rows = [
            ["Subtotal", money_text(document.subtotal, money)],
            ["Discount", money_text(-document.discount, money)],
        ]
    return rows if document.tax_included else rows + _taxes(document, lines)


def _taxes(document: Document, lines: list[DocumentLine]) -> list[list[str]]:
    """What is added stands above the total, what the total contains below it."""
    rows, money = [], document.currency
    for rate in by_rate(document, lines):
        if not rate.tax and not rate.percent and not rate.name:
            continue
        label = f"{tax_label(rate.name, rate.percent)} on {money_text(rate.net, money)}"
        rows.append([f"of which {label}" if document.tax_included else label, money_text(rate.tax, money)])
    return rows


def _grand(document: Document, lines: list[DocumentLine]) -> list[list[str]]:
    money = document.currency
    rows = [["Total credited" if document.is_credit_note else "Total", money_text(document.total, money)]]
    if document.tax_included:
        rows += _taxes(document, lines)
    if document.is_credit_note or document.number is None:
        return rows
    if document.amount_paid:
        rows.append(["Paid", money_text(-document.amount_paid, money)])
    if document.credited:
        rows.append(["Credited", money_text(-document.credited, money)])
    if document.status in (Status.OPEN, Status.UNCOLLECTIBLE):
        rows.append(["Amount due", money_text(document.total - document.credited, money)])
    elif document.status == Status.PAID:
        rows.append(["Amount due", money_text(0, money)])
    return rows


def _notes(document: Document, issuer: dict[str, str]) -> list[str]:
    notes = []
    if document.is_credit_note and document.reason:
        notes.append(f"Reason: {document.reason}")
    if document.is_credit_note and document.payment_method:
        reference = f" (reference {document.payment_reference})" if document.payment_reference else ""
        notes.append(f"Paid back by {document.payment_method}{reference}.")
    if document.is_credit_note and document.credits:
        notes.append(f"{exact_text(document.credits)} {site().credit_name_plural} are taken back with it.")
    if document.reverse_charge and issuer.get("reverse_charge_note"):
        notes.append(issuer["reverse_charge_note"])
    if document.status == Status.PAID:
        notes.append(paid_text(document) + ".")
    if document.status == Status.VOID:
        notes.append("This invoice is void: nothing is owed for it.")
    notes += [part for part in document.notes.splitlines() if part.strip()]
    return notes


def _bank(document: Document, issuer: dict[str, str]) -> list[str]:
    """How to pay: on what is still to be paid, and on a draft of it."""
    if document.is_credit_note or document.status not in (Status.OPEN, Status.DRAFT, Status.UNCOLLECTIBLE):
        return []
    return [line for line in issuer.get("bank_details", "").splitlines() if line.strip()]
