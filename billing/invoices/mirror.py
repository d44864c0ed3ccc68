"""Stripe's own documents, as plain data, in the same list as ours. What Stripe says wins; older news never does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.models import Workspace
from billing.invoices.errors import DocumentConflict, NotIssuable
from billing.invoices.models import Document, DocumentLine
from billing.ledger.services import cut


@dataclass(frozen=True)
class StripeLine:
    """Minor units; `amount` before its discount, `quantity` × `unit_amount` of it."""

    description: str
    amount: int
    quantity: Decimal | int = 1
    discount: int = 0
    tax: int = 0
    tax_name: str = ""
    tax_percent: Decimal = Decimal(0)
    credits: int = 0  # nano-credits


@dataclass(frozen=True)
class StripeDocument:
    """An invoice or credit note of Stripe, as it was at `as_of`. Amounts in minor units, as Stripe has them."""

    stripe_id: str
    number: str
    as_of: datetime
    status: str  # of an invoice: open, paid, void, uncollectible; of a credit note: issued
    currency: str
    subtotal: int
    total: int
    issued_at: datetime
    lines: Sequence[StripeLine]
    kind: str = "invoice"
    invoice_stripe_id: str = ""  # of a credit note
    purpose: str = "subscription"
    discount: int = 0
    tax: int = 0
    tax_included: bool = False
    amount_paid: int = 0
    due_at: datetime | None = None
    paid_at: datetime | None = None
    closed_at: datetime | None = None
    hosted_url: str = ""
    pdf_url: str = ""
    customer: dict[str, str] | None = None  # name, address, country, tax_id, tax_id_type
    reason: str = ""


@transaction.atomic
def stripe_invoice_mirror(*, workspace: Workspace, document: StripeDocument) -> Document:
    """Keep `document` as Stripe has it; news in any order, as often as it comes. Drafts are not mirrored.

    Raises NotIssuable for a draft, a credit note whose invoice is not here yet (mirror that first), or one that Stripe
    does not number; DocumentConflict when another workspace has it.
    """
    if not document.number or document.status == Document.Status.DRAFT:
        raise NotIssuable("Stripe has not finalised this document.")
    key = f"stripe:{document.stripe_id}"
    invoice = _credited(document)
    columns = _columns(document)
    fixed = {
        "workspace": workspace,
        "kind": document.kind,
        "origin": Document.Origin.STRIPE,
        "stripe_id": document.stripe_id,
        "invoice": invoice,
        "request_hash": b"",
    }
    rows = Document.objects.select_for_update(of=("self",))
    row, made = rows.get_or_create(key=key, defaults=columns | fixed)
    if not made:
        if row.workspace_id != workspace.pk:
            raise DocumentConflict("This document of Stripe belongs to another workspace.")
        if row.mirrored_at is not None and document.as_of < row.mirrored_at:
            return row
        changed = {name: value for name, value in columns.items() if getattr(row, name) != value}
        for name, value in changed.items():
            setattr(row, name, value)
        row.save(update_fields=list(changed))
    _lines(row, document.lines)
    return row


def _credited(document: StripeDocument) -> Document | None:
    if document.kind != Document.Kind.CREDIT_NOTE:
        return None
    found = Document.objects.filter(stripe_id=document.invoice_stripe_id).first()
    if found is None:
        raise NotIssuable("The invoice of this credit note is not here yet.")
    return found


def _columns(document: StripeDocument) -> dict[str, Any]:
    return {
        "number": document.number,
        "purpose": document.purpose,
        "status": document.status,
        "currency": document.currency.lower(),
        "tax_included": document.tax_included,
        "subtotal": document.subtotal,
        "discount": document.discount,
        "tax": document.tax,
        "total": document.total,
        "amount_paid": document.amount_paid,
        "credits": sum(line.credits for line in document.lines),
        "issued_at": document.issued_at,
        "due_at": document.due_at,
        "paid_at": document.paid_at,
        "closed_at": document.closed_at,
        "hosted_url": document.hosted_url,
        "pdf_url": document.pdf_url,
        "customer": document.customer or {},
        "reason": cut(document.reason, 500),
        "payment_method": "card" if document.paid_at else "",
        "mirrored_at": document.as_of,
    }


def _lines(row: Document, lines: Sequence[StripeLine]) -> None:
    """Stripe's lines, whole where it has changed any: they are a few rows."""
    said = [{"position": position, **_line(line)} for position, line in enumerate(lines, 1)]
    if said and list(row.lines.order_by("position").values(*said[0])) == said:
        return
    row.lines.all().delete()
    DocumentLine.objects.bulk_create(DocumentLine(document=row, **line) for line in said)


def _line(line: StripeLine) -> dict[str, Any]:
    return {
        "description": cut(line.description, 300),
        **_quantity(line),
        "amount": line.amount,
        "discount": line.discount,
        "tax_name": cut(line.tax_name, 40),
        "tax_percent": line.tax_percent,
        "tax": line.tax,
        "credits": line.credits,
    }


def _quantity(line: StripeLine) -> dict[str, Decimal]:
    """Where the amount is no whole multiple of the quantity (proration), it stands as one piece."""
    quantity = Decimal(line.quantity)
    if quantity > 0 and line.amount % quantity == 0:
        return {"quantity": quantity, "unit_amount": Decimal(line.amount) / quantity}
    return {"quantity": Decimal(1), "unit_amount": Decimal(line.amount)}
