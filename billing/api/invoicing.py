"""Answers about invoices and credit notes."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.models import Workspace
from billing.api import csvtext
from billing.api.operations import answer
from billing.api.present import amount
from billing.api.problems import Problem, invalid
from billing.api.schemas.invoices import InvoicesQuery
from billing.credits import clock
from billing.credits.units import credits
from billing.invoices.models import Document, DocumentLine
from billing.invoices.pdf.render import pdf_of
from billing.invoices.presenting import file_name
from billing.invoices.selectors import BadCursor, by_rate, document_named, documents

PDF = "application/pdf"


def listed(workspace: Workspace, query: InvoicesQuery) -> HttpResponse:
    try:
        page = documents(
            workspace,
            year=query.year,
            kind=query.kind,
            status=query.status,
            cursor=query.cursor,
            limit=query.limit,
        )
    except BadCursor as error:
        raise invalid(str(error), parameter="cursor") from error
    return answer({"data": [summary(each) for each in page.documents], "next_cursor": page.next_cursor})


def document(request: HttpRequest, workspace: Workspace, name: str) -> HttpResponse:
    """By id or number; the file with `.pdf` after it, or when the caller prefers PDF. Raises Problem 404."""
    found = document_named(workspace, name)
    as_file = csvtext.preferred(request, PDF)
    if found is None and name.endswith(".pdf"):
        found, as_file = document_named(workspace, name.removesuffix(".pdf")), True
    if found is None:
        raise Problem("not_found", "This workspace has no document of this id or number.")
    if not as_file:
        return answer(whole(found))
    if found.origin != Document.Origin.OWN:
        raise Problem("not_found", "Stripe keeps the file of this document; its pdf_url says where.")
    headers = {"Content-Disposition": f'attachment; filename="{file_name(found)}"'}
    return HttpResponse(pdf_of(found), content_type=PDF, headers=headers)


def summary(document: Document) -> dict[str, Any]:
    own = document.origin == Document.Origin.OWN
    return {
        "id": document.public_id,
        "number": document.number,
        "kind": document.kind,
        "purpose": document.purpose,
        "origin": document.origin,
        "status": document.status,
        "overdue": document.overdue(clock.now()),
        "issued_at": document.issued_at,
        "due_at": document.due_at,
        "paid_at": document.paid_at,
        **{
            name: _money(document, getattr(document, name))
            for name in ("subtotal", "discount", "tax", "total", "amount_paid", "credited", "amount_due")
        },
        **amount("credits", document.credits),
        "purchase_order": document.purchase_order or None,
        "invoice": _ref(document.invoice) if document.invoice else None,
        "pdf_url": f"/api/v1/invoices/{document.public_id}.pdf" if own else document.pdf_url or None,
        "hosted_url": document.hosted_url or None,
    }


def whole(document: Document) -> dict[str, Any]:
    lines = list(document.lines.select_related("document").order_by("position"))
    return summary(document) | {
        "seller": _party(document.seller),
        "customer": _party(document.customer),
        "tax_included": document.tax_included,
        "reverse_charge": document.reverse_charge,
        "lines": [_line(line) for line in lines],
        "taxes": [
            {
                "name": rate.name,
                "percent": rate.percent,
                "net": _money(document, rate.net),
                "tax": _money(document, rate.tax),
            }
            for rate in by_rate(document, lines)
        ],
        "payment": _payment(document),
        "credit_notes": [_ref(note) for note in document.credit_notes.filter(number__isnull=False).order_by("pk")],
        "notes": document.notes,
        "reason": document.reason,
    }


def _line(line: DocumentLine) -> dict[str, Any]:
    return {
        "description": line.description,
        "detail": line.detail,
        "quantity": line.quantity,
        "unit_amount": line.unit_amount,
        "amount": line.amount,
        "discount": line.discount,
        "tax_name": line.tax_name,
        "tax_percent": line.tax_percent,
        "tax": line.tax,
        "credits": credits(line.credits),
        "credits_nano": str(line.credits),
    }


def _payment(document: Document) -> dict[str, Any] | None:
    if document.paid_at is None:
        return None
    return {
        "at": document.paid_at,
        "amount": _money(document, document.amount_paid),
        "method": document.payment_method,
        "reference": document.payment_reference,
    }


def _party(snapshot: dict[str, str]) -> dict[str, str] | None:
    return {name: snapshot.get(name, "") for name in ("name", "address", "country", "tax_id")} if snapshot else None


def _ref(document: Document) -> dict[str, Any]:
    return {"id": document.public_id, "number": document.number, "total": _money(document, document.total)}


def _money(document: Document, minor: int) -> dict[str, Any]:
    return {"amount": minor, "currency": document.currency}
