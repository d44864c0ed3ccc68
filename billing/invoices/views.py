"""A workspace's documents, and who they are made out to."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.roles import Permission
from billing.invoices.forms import ProfileForm
from billing.invoices.models import BillingProfile, Document
from billing.invoices.pdf.render import pdf_of
from billing.invoices.presenting import date_text, file_name, paid_text, party_lines
from billing.invoices.profiles import FIELDS, profile_of, profile_save, recipients
from billing.invoices.selectors import BadCursor, by_rate, document_named, documents, years

PER_PAGE = 50
P = ParamSpec("P")


def billing_page(
    view: Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """A page to read for those who manage billing. Dates of documents are those of UTC, as on the paper."""

    return require_safe(workspace_page(Permission.MANAGE_BILLING)(view))


@billing_page
def listed(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """All documents, ours and Stripe's, latest first."""
    there = years(request.workspace)
    year, kind = _year(request.GET.get("year", ""), there), request.GET.get("kind", "")
    if kind not in ("", *Document.Kind.values):
        raise Http404("no such kind of document")
    try:
        page = documents(request.workspace, year=year, kind=kind, cursor=request.GET.get("cursor", ""), limit=PER_PAGE)
    except BadCursor as error:
        raise Http404("no such page of documents") from error
    context = {
        "nav": "invoices",
        "documents": page.documents,
        "cursor": page.next_cursor,
        "later": bool(request.GET.get("cursor")),
        "years": there,
        "year": year,
        "kinds": Document.Kind.choices,
        "kind": kind,
        "profile": profile_of(request.workspace),
    }
    return render(request, "invoices/list.html", context)


@billing_page
def document(request: WorkspaceRequest, workspace_id: str, name: str) -> HttpResponse:
    """One document as it reads on paper, with what was paid and credited."""
    found = _document(request, name)
    lines = list(found.lines.select_related("document").order_by("position"))
    context = {
        "nav": "invoices",
        "document": found,
        "lines": lines,
        "rates": [rate for rate in by_rate(found, lines) if rate.name or rate.percent or rate.tax],
        "customer": party_lines(found.customer),
        "seller": party_lines(found.seller),
        "dates": {"issued": date_text(found.issued_at), "due": date_text(found.due_at)},
        "paid": paid_text(found),
        "credit_notes": list(found.credit_notes.filter(number__isnull=False).order_by("pk")),
        "with_discount": any(line.discount for line in lines),
    }
    return render(request, "invoices/document.html", context)


@billing_page
def pdf(request: WorkspaceRequest, workspace_id: str, name: str) -> HttpResponseBase:
    """The file: ours is made here, Stripe's is fetched from Stripe by the browser."""
    found = _document(request, name)
    if found.origin == Document.Origin.STRIPE:
        if not found.pdf_url:
            raise Http404("Stripe gave no file for this document")
        return HttpResponseRedirect(found.pdf_url)
    return pdf_response(found)


def pdf_response(document: Document) -> HttpResponse:
    response = HttpResponse(pdf_of(document), content_type="application/pdf")
    response.headers["Content-Disposition"] = content_disposition_header(False, file_name(document)) or "inline"
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(Permission.MANAGE_BILLING)
def profile(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Who documents are made out to."""
    row: BillingProfile = profile_of(request.workspace)
    initial = {name: getattr(row, name) for name in FIELDS}
    form = ProfileForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            profile_save(workspace=request.workspace, values=form.cleaned_data, by=request.user, request=request)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "Saved. It stands on documents from now on; earlier ones stay as they are.")
            return redirect("invoices:profile", workspace_id)
    context = {"nav": "invoices", "form": form, "readers": recipients(request.workspace), "own": bool(row.email)}
    return render(request, "invoices/profile.html", context, status=422 if form.errors else 200)


def _document(request: WorkspaceRequest, name: str) -> Document:
    found = document_named(request.workspace, name)
    if found is None:
        raise Http404("no such document")
    return found


def _year(text: str, there: list[int]) -> int | None:
    """The year that was asked for; raises Http404 for one without documents."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) not in there:
        raise Http404("no documents of that year")
    return int(text)
