"""Invoices and credit notes as rows for accounting."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from billing.invoices.models import Document
from billing.invoices.money import major
from portal.admin.money.report import midnight

CHUNK = 1_000

COLUMNS: Final = (
    *("number", "kind", "state", "purpose", "issued_by", "issued_at", "due_at", "paid_at"),
    *("workspace", "customer", "country", "tax_id", "currency", "net", "tax", "gross", "paid", "credited"),
    *("reverse_charge", "of_invoice"),
)
TAX_COLUMNS: Final = (
    *("country", "tax_name", "rate_percent", "reverse_charge", "currency"),
    *("net", "tax", "gross", "documents"),
)

# A line's tax is within its amount, or comes on top of it. Drafts have no date of issue. What credit notes took back
# whole is void as well: it counts where it was issued, and its credit notes where they were.
_TAX = """
SELECT coalesce(d.customer->>'country', ''), l.tax_name, l.tax_percent, d.reverse_charge, d.currency,
    sum(CASE WHEN d.kind = 'credit_note' THEN -1 ELSE 1 END
        * (l.amount - l.discount - CASE WHEN d.tax_included THEN l.tax ELSE 0 END)),
    sum(CASE WHEN d.kind = 'credit_note' THEN -l.tax ELSE l.tax END), count(DISTINCT d.id)
FROM invoices_document d JOIN invoices_documentline l ON l.document_id = d.id
LEFT JOIN invoices_document invoice ON invoice.id = d.invoice_id
WHERE d.issued_at >= %s AND d.issued_at < %s
    AND NOT (d.status = 'void' AND d.credited < d.total)
    AND NOT (coalesce(invoice.status, '') = 'void' AND invoice.credited < invoice.total)
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""


def rows(since: date, until: date) -> Iterator[Sequence[Any]]:
    """Documents issued from `since` to before `until`, in the order they were made, read in portions."""
    last = 0
    issued = Document.objects.filter(issued_at__gte=midnight(since), issued_at__lt=midnight(until))
    while True:
        portion = list(issued.filter(pk__gt=last).order_by("pk").select_related("workspace", "invoice")[:CHUNK])
        for document in portion:
            yield _row(document)
        if len(portion) < CHUNK:
            return
        last = portion[-1].pk


def _row(document: Document) -> Sequence[Any]:
    sign = -1 if document.is_credit_note else 1
    amounts = (document.total - document.tax, document.tax, document.total, document.amount_paid, document.credited)
    return (
        document.number,
        document.kind,
        document.status,
        document.purpose,
        "Stripe" if document.origin == Document.Origin.STRIPE else "us",
        document.issued_at,
        document.due_at,
        document.paid_at,
        document.workspace.public_id,
        document.customer.get("name", ""),
        document.customer.get("country", ""),
        document.customer.get("tax_id", ""),
        document.currency.upper(),
        *(_major(sign * minor, document.currency) for minor in amounts),
        document.reverse_charge,
        document.invoice.number if document.invoice else "",
    )


def tax_rows(since: date, until: date) -> Iterator[Sequence[Any]]:
    """By country, rate and currency, of documents issued from `since` to before `until`. Void invoices do not
    count, nor their credit notes, unless these took back the whole of them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAX, [midnight(since), midnight(until)])
        found = cursor.fetchall()
    for country, name, percent, reverse_charge, currency, net, tax, documents in found:
        amounts = (_major(int(minor), currency) for minor in (net, tax, net + tax))
        yield country, name, percent.normalize(), reverse_charge, currency.upper(), *amounts, documents


def _major(minor: int, currency: str) -> Decimal:
    return Decimal(major(minor, currency))
