"""The documents of money that went back: credit notes when it is gone for good, and an invoice when it came back after
that. Locks (wallet, purchase) are the caller's.
"""

from django.db.models import Q

from billing.credits import clock
from billing.invoices.issue import credit_note_issue, invoice_issue
from billing.invoices.models import Document
from billing.invoices.money import LineInput, split
from billing.invoices.writing import Payment
from billing.packs import emails
from billing.packs.fulfilment import tax_of
from billing.packs.models import MoneyBack, Purchase


def credit(purchase: Purchase, back: MoneyBack) -> None:
    """What is gone is taken off the invoice, then off what was invoiced again after a refund that had failed."""
    takes: list[tuple[Document, int]] = []
    left = back.amount
    for invoice in _invoices(purchase):
        amount = min(left, invoice.creditable)
        if amount:
            takes.append((invoice, amount))
            left -= amount
    if left:
        emails.tell_operators(purchase, f"{back}: more money went back than the invoice has left to be credited")
    credits = split(back.taken_credits, [amount for _, amount in takes])
    for (invoice, amount), nano in zip(takes, credits, strict=True):
        note = credit_note_issue(
            key=f"{_prefix(back)}{back.rounds}:{invoice.public_id}",
            invoice=invoice,
            reason=back.reason if back.kind == MoneyBack.Kind.REFUND else "The payment was disputed and charged back",
            amount=amount,
            credits=min(nano, invoice.credits),
            paid_back=Payment(clock.now(), "card", back.stripe_id or ""),
        ).document
        back.document = back.document or note


def invoice_again(purchase: Purchase, back: MoneyBack) -> None:
    """The money came back after its credit notes: what they took off is owed, and paid, all the same."""
    notes = _documents(back)
    credited = sum(each.total if each.is_credit_note else -each.total for each in notes)
    credits = sum(each.credits if each.is_credit_note else -each.credits for each in notes)
    if not credited or back.document is None or purchase.paid_at is None:
        return
    refund = back.kind == MoneyBack.Kind.REFUND
    what = "failed: the money is with you again" if refund else "was won after all: the money is with you again"
    emails.tell_operators(purchase, f"{back} {what}, and the credits are the customer's")
    detail = f"The {'refund' if refund else 'chargeback'} of credit note {back.document.number} did not go through"
    again = invoice_issue(
        key=f"{_prefix(back)}{back.rounds}:again",
        workspace=purchase.workspace,
        purpose=Document.Purpose.PACK,
        lines=[LineInput(purchase.name, credited, credits=credits, detail=detail)],
        tax=tax_of(purchase),
        paid=Payment(purchase.paid_at, "card", purchase.payment_id or ""),
        currency=purchase.currency,
    ).document
    back.again = back.again or again


def kept_by_documents(purchase: Purchase) -> int:
    """Minor units that its invoices come to, less their credit notes."""
    return sum(each.total - each.credited for each in _invoices(purchase))


def _invoices(purchase: Purchase) -> list[Document]:
    """Its own, and those of refunds that failed."""
    found = Q(pk=purchase.document_id)
    for back in purchase.money_back.all():
        found |= Q(key__startswith=_prefix(back))
    rows = Document.objects.filter(found, workspace=purchase.workspace_id, kind=Document.Kind.INVOICE)
    return list(rows.order_by("pk"))


def _documents(back: MoneyBack) -> list[Document]:
    return list(Document.objects.filter(key__startswith=_prefix(back)))


def _prefix(back: MoneyBack) -> str:
    """Of the keys of its documents."""
    return f"money-back:{back.public_id}:"
