"""Documents to look at, and the counters of their numbers."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display

from billing.credits import clock
from billing.credits.format import exact_text
from billing.foundation.admin import ReadOnlyAdmin
from billing.foundation.adminlists import DaysFilter
from billing.invoices.admin.acts import DocumentActs
from billing.invoices.models import Document, DocumentLine, NumberCounter
from billing.invoices.money import money_text, plain, unit_text
from billing.invoices.presenting import status_of

Status = Document.Status
LABELS = {
    "paid": "success",
    "issued": "success",
    "open": "info",
    "draft": "warning",
    "overdue": "danger",
    "uncollectible": "danger",
}


class LineInline(TabularInline):
    model = DocumentLine
    fields = ("description", "pieces", "unit_price", "line_discount", "rate", "line_tax", "line_amount", "brings")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Quantity")
    def pieces(self, line: DocumentLine) -> str:
        return plain(line.quantity)

    @display(description="Unit price")
    def unit_price(self, line: DocumentLine) -> str:
        return unit_text(line.unit_amount, line.document.currency)

    @display(description="Discount")
    def line_discount(self, line: DocumentLine) -> str:
        return money_text(line.discount, line.document.currency)

    @display(description="Rate")
    def rate(self, line: DocumentLine) -> str:
        return f"{line.tax_name} {plain(line.tax_percent)} %".strip()

    @display(description="Tax")
    def line_tax(self, line: DocumentLine) -> str:
        return money_text(line.tax, line.document.currency)

    @display(description="Amount")
    def line_amount(self, line: DocumentLine) -> str:
        return money_text(line.amount, line.document.currency)

    @display(description="Credits")
    def brings(self, line: DocumentLine) -> str:
        return exact_text(line.credits) if line.credits else "–"


class OverdueFilter(admin.SimpleListFilter):
    title = "overdue"
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Open and past its due date")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:
        return queryset.filter(status=Status.OPEN, due_at__lte=clock.now()) if self.value() == "yes" else queryset


@admin.register(Document)
class DocumentAdmin(DocumentActs):
    list_display = ("name", "workspace", "kind", "purpose", "state", "sum", "paid_sum", "issued_at", "due_at")
    list_filter = ("kind", "status", "purpose", "origin", OverdueFilter, "year", ("paid_at", DaysFilter))
    list_filter_submit = True
    list_select_related = ("workspace",)
    search_fields = ("number", "public_id", "workspace__name", "workspace__public_id", "purchase_order", "key")
    ordering = ("-id",)
    show_full_result_count = False
    inlines = (LineInline,)
    fields: Any = (
        ("name", "state"),
        ("kind", "purpose"),
        ("workspace", "invoice"),
        ("sum", "tax_sum"),
        ("paid_sum", "credited_sum", "due_sum"),
        ("credits_text", "credit_days"),
        ("issued_at", "due_at"),
        ("paid_at", "closed_at"),
        ("payment_method", "payment_reference"),
        ("purchase_order", "reason"),
        "notes",
        ("public_id", "origin"),
        "key",
        "stripe_id",
    )
    readonly_fields = (
        *("name", "state", "sum", "tax_sum", "paid_sum", "credited_sum", "due_sum", "credits_text", "public_id"),
    )

    @display(description="Number", ordering="number")
    def name(self, document: Document) -> str:
        return str(document)

    @display(description="Status", label=LABELS)
    def state(self, document: Document) -> str:
        return status_of(document)

    @display(description="Total", ordering="total")
    def sum(self, document: Document) -> str:
        return money_text(document.total, document.currency)

    @display(description="Tax")
    def tax_sum(self, document: Document) -> str:
        return money_text(document.tax, document.currency)

    @display(description="Paid")
    def paid_sum(self, document: Document) -> str:
        return money_text(document.amount_paid, document.currency)

    @display(description="Credited")
    def credited_sum(self, document: Document) -> str:
        return money_text(document.credited, document.currency)

    @display(description="To be paid")
    def due_sum(self, document: Document) -> str:
        return money_text(document.amount_due, document.currency)

    @display(description="Credits")
    def credits_text(self, document: Document) -> str:
        return exact_text(document.credits) if document.credits else "–"


@admin.register(NumberCounter)
class NumberCounterAdmin(ReadOnlyAdmin):
    list_display = ("series", "year", "last", "last_at")
    ordering = ("-year", "series")
