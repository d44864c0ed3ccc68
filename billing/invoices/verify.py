"""Do documents add up? Recomputed from the rows; nothing is repaired. Part of verify_ledger, workspace by workspace."""

from itertools import accumulate

from django.db.models import Count, Max, Min, Sum

from billing.credits.units import credits
from billing.invoices.custom import NAMESPACE, grant_key
from billing.invoices.models import Document, NumberCounter
from billing.invoices.money import LineInput, Tax, priced
from billing.ledger.models import Operation, Transfer
from billing.ledger.records import Problem

CHUNK = 500


def verify_documents(workspace_id: int) -> list[Problem]:
    """What does not add up about the issued documents of a workspace."""
    found = []
    last = 0
    while True:
        rows = Document.objects.filter(workspace=workspace_id, origin="own", number__isnull=False, pk__gt=last)
        chunk = list(rows.prefetch_related("lines", "credit_notes").order_by("pk")[:CHUNK])
        for document in chunk:
            said = [*_sums(document), *_credited(document), *_granted(document)]
            found += [Problem(workspace_id, "document", f"{document} {what}") for what in said]
        if len(chunk) < CHUNK:
            return found
        last = chunk[-1].pk


def number_problems() -> list[str]:
    """Series whose numbers have gaps or do not end with their counter's."""
    found = []
    own = Document.objects.filter(origin="own", number__isnull=False)
    kept = {
        (row["series"], row["year"]): row
        for row in own.values("series", "year").annotate(count=Count("pk"), first=Min("sequence"), last=Max("sequence"))
    }
    counters = {(each.series, each.year): each.last for each in NumberCounter.objects.all()}
    for series, year in sorted(kept.keys() | counters.keys()):
        row, last = kept.get((series, year)), counters.get((series, year), 0)
        if row is None or (row["count"], row["first"], row["last"]) != (last, 1, last):
            there = f"{row['count']} of {row['first']} to {row['last']}" if row else "none"
            found.append(f"series {series} of {year}: {last} numbers were drawn, {there} are there")
    return found


def _sums(document: Document) -> list[str]:
    """Header = Σ lines; every line of an invoice = its quantity, price, discount and rate, rounded as written down."""
    found, lines = [], list(document.lines.all())
    for name in ("subtotal", "discount", "tax", "credits"):
        column = "amount" if name == "subtotal" else name
        if (total := sum(getattr(line, column) for line in lines)) != getattr(document, name):
            found.append(f"says {name} {getattr(document, name)}, its lines make {total}")
    for line in lines:
        rate = Tax(line.tax_name, line.tax_percent, included=document.tax_included)
        given = LineInput(line.description, line.unit_amount, line.quantity, discount=line.discount)
        again = priced(given, rate)
        # What credit notes and somebody else's tax engine work out may differ by one.
        if again.amount != line.amount or abs(again.tax - line.tax) > 1:
            found.append(
                f"line {line.position} says {line.amount} and tax {line.tax}, it is {again.amount} and {again.tax}"
            )
    return found


def _credited(document: Document) -> list[str]:
    if document.is_credit_note:
        return []
    total = sum(note.total for note in document.credit_notes.all())
    return (
        [f"says {document.credited} was credited, its credit notes make {total}"] if total != document.credited else []
    )


def _granted(document: Document) -> list[str]:
    """A paid custom invoice has brought its credits, once; one that is not paid has not."""
    if document.purpose != Document.Purpose.CUSTOM or document.is_credit_note:
        return []
    grant = Operation.objects.filter(
        workspace=document.workspace_id, namespace=NAMESPACE, key=grant_key(document)
    ).first()
    if document.status != Document.Status.PAID:
        return ["is not paid, but brought its credits"] if grant else []
    granted = 0
    if grant is not None:
        moved = Transfer.objects.filter(operation=grant, kind=grant.kind).aggregate(sum=Sum("amount"))["sum"]
        granted = int(moved or 0)
    # Credit notes of before the payment made it bring less; those after it took from the lot.
    notes = sorted(document.credit_notes.all(), key=lambda note: note.pk)
    before = accumulate((note.credits for note in notes), initial=0)
    if granted not in {max(document.credits - taken, 0) for taken in before}:
        return [f"brings {credits(document.credits):f} credits, {credits(granted):f} were granted"]
    return []
