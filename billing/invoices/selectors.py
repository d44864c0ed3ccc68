"""Reading documents as their customer may: no drafts."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.db.models import Q, QuerySet

from accounts.models import Workspace
from billing.invoices.models import Document, DocumentLine
from billing.invoices.money import RateSum

MOST = 500


class BadCursor(ValueError):
    """A cursor that this list did not give."""


@dataclass(frozen=True)
class DocumentPage:
    documents: list[Document]
    next_cursor: str | None


def issued(workspace: Workspace) -> QuerySet[Document]:
    return Document.objects.filter(workspace=workspace, number__isnull=False).select_related("invoice")


def documents(
    workspace: Workspace,
    *,
    year: int | None = None,
    kind: str | None = None,
    status: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> DocumentPage:
    """Documents by their date, latest first. `year` is that of the date (UTC). Raises BadCursor."""
    found = issued(workspace)
    if year is not None:
        found = found.filter(
            issued_at__gte=datetime(year, 1, 1, tzinfo=UTC), issued_at__lt=datetime(year + 1, 1, 1, tzinfo=UTC)
        )
    if kind:
        found = found.filter(kind=kind)
    if status:
        found = found.filter(status=status)
    if cursor:
        at, pk = _decoded(cursor)
        found = found.filter(Q(issued_at__lt=at) | Q(issued_at=at, pk__lt=pk), issued_at__lte=at)
    limit = max(1, min(limit, MOST))
    rows = list(found.order_by("-issued_at", "-pk")[: limit + 1])
    last = rows[limit - 1] if len(rows) > limit else None
    return DocumentPage(rows[:limit], _encoded(last) if last else None)


def years(workspace: Workspace) -> list[int]:
    """Those in which documents were issued, latest first."""
    return [day.year for day in issued(workspace).order_by("-issued_at").datetimes("issued_at", "year", "DESC", UTC)]


def document_named(workspace: Workspace, name: str) -> Document | None:
    """By number or id; ours come before Stripe's."""
    if "\0" in name:
        return None
    found = issued(workspace).filter(Q(number=name) | Q(public_id=name))
    return found.select_related("workspace", "invoice").order_by("origin").first()


def by_rate(document: Document, lines: Iterable[DocumentLine]) -> list[RateSum]:
    """What each rate comes to, in the order in which the lines have them."""
    net: defaultdict[tuple[str, Decimal], int] = defaultdict(int)
    tax: defaultdict[tuple[str, Decimal], int] = defaultdict(int)
    for line in lines:
        rate = line.tax_name, line.tax_percent
        net[rate] += line.amount - line.discount - (line.tax if document.tax_included else 0)
        tax[rate] += line.tax
    return [RateSum(name, percent, net[name, percent], tax[name, percent]) for name, percent in net]


def _encoded(document: Document) -> str:
    at = document.issued_at.astimezone(UTC).isoformat() if document.issued_at else ""
    return base64.urlsafe_b64encode(f"{at}|{document.pk}".encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[datetime, int]:
    try:
        text = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
        at, _, pk = text.partition("|")
        found = datetime.fromisoformat(at), int(pk)
    except (ValueError, binascii.Error) as error:
        raise BadCursor("This cursor was not given by this list.") from error
    if found[0].tzinfo is None or not 0 < found[1] < 2**63:
        raise BadCursor("This cursor was not given by this list.")
    return found
