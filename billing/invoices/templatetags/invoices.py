"""Template filters of documents: `{{ document.total|money:document.currency }}`."""

from datetime import datetime
from decimal import Decimal

from django import template

from billing.invoices import presenting
from billing.invoices.models import Document
from billing.invoices.money import money_text, plain, unit_text

register = template.Library()


@register.filter
def money(minor: int, currency: str) -> str:
    """Minor units as people read them."""
    return money_text(int(minor), currency)


@register.filter
def unit_money(minor: Decimal, currency: str) -> str:
    """A unit price, with all its decimals."""
    return unit_text(minor, currency)


@register.filter
def quantity(value: Decimal) -> str:
    return plain(value)


@register.filter
def document_date(at: datetime | None) -> str:
    return presenting.date_text(at)


@register.filter
def document_status(document: Document) -> str:
    return presenting.status_of(document)


@register.filter
def document_what(document: Document) -> str:
    return presenting.what(document)


@register.filter
def tax_rate(percent: Decimal, name: str) -> str:
    return presenting.tax_label(name, percent)
