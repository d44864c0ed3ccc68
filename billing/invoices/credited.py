"""The lines of a credit note: the invoice's rates in their proportions, so that all credit notes of an invoice that is
credited in full have exactly its tax.
"""

from collections import defaultdict
from decimal import Decimal

from billing.invoices.models import Document, DocumentLine
from billing.invoices.money import LineInput, Tax, split, tax_share

Rate = tuple[str, str]  # name, percent


def credit_lines(invoice: Document, amount: int, credits: int) -> list[LineInput]:
    """One line for each rate of `invoice`, together `amount` (tax included) and `credits`. Locks are the caller's."""
    gross: defaultdict[Rate, int] = defaultdict(int)
    tax: defaultdict[Rate, int] = defaultdict(int)
    for line in invoice.lines.all():
        gross[_rate(line)] += line.amount - line.discount + (0 if invoice.tax_included else line.tax)
        tax[_rate(line)] += line.tax
    before = _before(invoice)
    rates = list(gross)
    parts = split(amount, [max(gross[rate] - before[rate], 0) for rate in rates])
    shared = split(credits, parts)
    found = []
    for rate, part, with_credits in zip(rates, parts, shared, strict=True):
        if not part:
            continue
        found.append(
            LineInput(
                description=f"Credit for invoice {invoice.number}",
                unit_amount=part,
                credits=with_credits,
                tax=Tax(rate[0], _percent(rate), included=True),
                tax_amount=tax_share(tax=tax[rate], gross=gross[rate], before=before[rate], part=part),
            )
        )
    return found


def _before(invoice: Document) -> defaultdict[Rate, int]:
    """What earlier credit notes took off each rate, tax included."""
    found: defaultdict[Rate, int] = defaultdict(int)
    notes = DocumentLine.objects.filter(document__invoice=invoice, document__number__isnull=False)
    for line in notes.select_related("document"):
        found[_rate(line)] += line.amount - line.discount + (0 if line.document.tax_included else line.tax)
    return found


def _rate(line: DocumentLine) -> Rate:
    return line.tax_name, f"{line.tax_percent.normalize():f}"


def _percent(rate: Rate) -> Decimal:
    return Decimal(rate[1])
