"""Writing a document: its row and lines first, its number last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.models import Workspace
from billing.invoices.errors import DocumentConflict, NotIssuable
from billing.invoices.models import Document, DocumentLine
from billing.invoices.money import LineInput, PricedLine, Tax, priced, sums
from billing.invoices.numbers import draw
from billing.invoices.profiles import customer_snapshot, profile_of
from billing.invoices.seller import seller, seller_snapshot
from billing.ledger.services import cut, request_hash

Kind = Document.Kind


@dataclass(frozen=True)
class Payment:
    """That money came in (or, of a credit note, went back): when, how, and what the other side calls it."""

    at: datetime
    method: str
    reference: str = ""


@dataclass(frozen=True)
class Issued:
    document: Document
    replay: bool  # it was issued before, under the same key


def content_hash(content: dict[str, Any]) -> bytes:
    return request_hash(content)


def line_content(line: LineInput) -> list[Any]:
    rate = [line.tax.name, _number(line.tax.percent), line.tax.reverse_charge] if line.tax else None
    numbers = [_number(line.quantity), _number(line.unit_amount), line.discount, line.credits, line.tax_amount]
    return [line.description, line.detail, *numbers, rate]


def tax_content(tax: Tax) -> list[Any]:
    return [tax.name, _number(tax.percent), tax.included, tax.reverse_charge]


def _number(value: Decimal | int) -> str:
    return f"{Decimal(value).normalize():f}"


def price_all(lines: Sequence[LineInput], tax: Tax) -> list[PricedLine]:
    """Raises NotIssuable."""
    if not lines:
        raise NotIssuable("A document has at least one line.", field="lines")
    try:
        return [priced(line, tax) for line in lines]
    except ValueError as error:
        raise NotIssuable(f"This cannot be a line: {error}.", field="lines") from error


def headers(lines: Sequence[PricedLine], tax: Tax) -> dict[str, Any]:
    """The columns of a document that its lines make."""
    whole = sums(lines)
    return {
        "tax_included": tax.included,
        "reverse_charge": any(line.rate.reverse_charge for line in lines),
        "subtotal": whole.subtotal,
        "discount": whole.discount,
        "tax": whole.tax,
        "total": whole.total,
        "credits": sum(line.line.credits for line in lines),
    }


def lines_write(document: Document, lines: Sequence[PricedLine]) -> None:
    DocumentLine.objects.bulk_create(
        DocumentLine(
            document=document,
            position=position,
            description=cut(each.line.description, 300),
            detail=cut(each.line.detail, 300),
            quantity=Decimal(each.line.quantity),
            unit_amount=Decimal(each.line.unit_amount),
            amount=each.amount,
            discount=each.line.discount,
            tax_name=cut(each.rate.name, 40),
            tax_percent=each.rate.percent,
            tax=each.tax,
            credits=each.line.credits,
        )
        for position, each in enumerate(lines, 1)
    )


def replay_of(key: str, hashed: bytes) -> Document | None:
    """The document that was issued under `key` before. Raises DocumentConflict when it says something else."""
    document = Document.objects.select_related("workspace").filter(key=key).first()
    if document is not None and bytes(document.request_hash) != hashed:
        raise DocumentConflict(f"{document} was issued under this key, with other content.")
    return document


def written_once(key: str, hashed: bytes, columns: dict[str, Any]) -> tuple[Document, bool]:
    """The document under `key`, and whether this call made it. Raises DocumentConflict."""
    document, made = Document.objects.get_or_create(key=key, defaults=columns | {"request_hash": hashed})
    if not made and bytes(document.request_hash) != hashed:
        raise DocumentConflict(f"{document} was issued under this key, with other content.")
    return document, made


def number(document: Document) -> Document:
    """Print the parties on the document and give it its number: the last thing a transaction does."""
    workspace: Workspace = document.workspace
    parts = seller()
    document.seller = seller_snapshot(parts)
    document.customer = customer_snapshot(workspace)
    document.purchase_order = document.purchase_order or profile_of(workspace).purchase_order
    with transaction.atomic():
        drawn = draw(parts.credit_note_prefix if document.is_credit_note else parts.invoice_prefix)
        document.number, document.series = drawn.text, drawn.series
        document.year, document.sequence, document.issued_at = drawn.year, drawn.sequence, drawn.at
        if document.status == Document.Status.OPEN:
            document.due_at = drawn.at + timedelta(days=document.net_days)
        document.save()
    return document
