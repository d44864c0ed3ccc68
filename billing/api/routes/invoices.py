"""/api/v1/invoices (and /api/invoices): invoices and credit notes."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api import invoicing
from billing.api.operations import caller, declared
from billing.api.parameters import query
from billing.api.schemas.invoices import InvoiceDocument, Invoices, InvoicesQuery

router = Router(tags=["Invoices"])


@router.get(
    "/list",
    **declared(Scope.BILLING_READ, {200: Invoices}, query=InvoicesQuery),
    operation_id="invoices_list",
    summary="Invoices and credit notes, latest first",
)
def listed(request: HttpRequest) -> HttpResponse:
    """All documents in one list: for credit packs, top-ups, custom invoices, and Stripe's own for subscriptions."""
    call, _ = caller(request)
    return invoicing.listed(call.workspace, query(request, InvoicesQuery))


@router.get(
    "/{any:invoice}",
    **declared(Scope.BILLING_READ, {200: InvoiceDocument}, files=("application/pdf",)),
    operation_id="invoices_get",
    summary="One document, as JSON or as PDF",
)
def document(request: HttpRequest, invoice: str) -> HttpResponse:
    """By its id or number. The PDF with `Accept: application/pdf`, or with `.pdf` after the id."""
    call, _ = caller(request)
    return invoicing.document(request, call.workspace, invoice)
