"""Issuing invoices of what was bought, and credit notes. Money in minor units (taxes and rounding: money.py)."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from accounts.models import Workspace
from billing.invoices import emails
from billing.invoices.credited import credit_lines
from billing.invoices.errors import NotIssuable, TooMuchCredited, WrongState
from billing.invoices.models import Document
from billing.invoices.money import NO_TAX, LineInput, Tax, money_text
from billing.invoices.writing import (
    Issued,
    Payment,
    content_hash,
    headers,
    line_content,
    lines_write,
    number,
    price_all,
    replay_of,
    tax_content,
    written_once,
)
from billing.ledger.services import cut

Status = Document.Status


@transaction.atomic
def invoice_issue(
    *,
    key: str,
    workspace: Workspace,
    purpose: str,
    lines: Sequence[LineInput],
    tax: Tax = NO_TAX,
    paid: Payment | None = None,
    currency: str = "usd",
    net_days: int = 0,
    purchase_order: str = "",
    notes: str = "",
    tell: bool = True,
) -> Issued:
    """Issue an invoice of our own, once per `key`; with `paid`, it is paid in full at once.

    Call it last in the transaction that credits what was bought (or after it): the number's row stays locked until that
    commits. The document goes to the customer by e-mail unless `tell` is off. Raises NotIssuable, DocumentConflict.
    """
    prices = price_all(lines, tax)
    content = {
        "workspace": workspace.pk,
        "purpose": purpose,
        "currency": currency,
        "tax": tax_content(tax),
        "lines": [line_content(line) for line in lines],
        "paid": paid is not None,
    }
    columns: dict[str, Any] = headers(prices, tax) | {
        "workspace": workspace,
        "kind": Document.Kind.INVOICE,
        "purpose": _purpose(purpose),
        "currency": currency,
        "status": Status.PAID if paid else Status.OPEN,
        "net_days": net_days,
        "purchase_order": cut(purchase_order, 60),
        "notes": cut(notes, 1000),
    }
    if paid:
        columns |= payment_columns(paid) | {"amount_paid": columns["total"]}
    document, made = written_once(key, content_hash(content), columns)
    if not made:
        return Issued(document, replay=True)
    lines_write(document, prices)
    number(document)
    if tell:
        emails.tell_issued(document)
    return Issued(document, replay=False)


@transaction.atomic
def credit_note_issue(
    *,
    key: str,
    invoice: Document,
    reason: str,
    amount: int | None = None,
    lines: Sequence[LineInput] | None = None,
    tax: Tax = NO_TAX,
    credits: int = 0,
    paid_back: Payment | None = None,
    tell: bool = True,
) -> Issued:
    """Take `amount` (minor units, tax included) off an invoice of our own, or what `lines` come to; once per `key`.

    With an amount the tax is that of the invoice, in its proportions. `credits` (nano-credits): what is taken back of
    those it brought, printed on it; taking them back is the caller's (`ledger.lot_refund`). `paid_back`: how the money
    went back, if any did. An open invoice that is credited in full is void. Raises TooMuchCredited, WrongState,
    NotIssuable, DocumentConflict.
    """
    content = {
        "invoice": invoice.pk,
        "reason": reason,
        "amount": amount,
        "lines": [line_content(line) for line in lines] if lines is not None else None,
        "tax": tax_content(tax),
        "credits": credits,
    }
    hashed = content_hash(content)
    if (known := replay_of(key, hashed)) is not None:
        return Issued(known, replay=True)
    current = Document.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=invoice.pk)
    if current.origin != Document.Origin.OWN or current.is_credit_note or not current.creditable:
        raise WrongState("Only an invoice that is open or paid, and not credited in full, can be credited.")
    if (amount is None) == (lines is None):
        raise NotIssuable("A credit note has either an amount or lines.")
    if lines is None:
        _must_be_left(amount or 0, current)
        lines, tax = credit_lines(current, amount or 0, credits), Tax(included=True)
    prices = price_all(lines, tax)
    columns: dict[str, Any] = headers(prices, tax) | {
        "workspace": current.workspace,
        "kind": Document.Kind.CREDIT_NOTE,
        "purpose": current.purpose,
        "invoice": current,
        "currency": current.currency,
        "status": Status.ISSUED,
        "reverse_charge": current.reverse_charge,
        "purchase_order": current.purchase_order,
        "reason": cut(reason, 500),
        "credits": credits,
    }
    _must_be_left(columns["total"], current)
    if paid_back:
        columns |= {
            "payment_method": cut(paid_back.method, 40),
            "payment_reference": cut(paid_back.reference, 120),
        }
    document, made = written_once(key, hashed, columns)
    if not made:
        return Issued(document, replay=True)
    lines_write(document, prices)
    number(document)
    if current.status != Status.PAID and columns["total"] == current.creditable:
        Document.objects.filter(pk=current.pk).update(status=Status.VOID, closed_at=document.issued_at)
    if tell:
        emails.tell_issued(document)
    return Issued(document, replay=False)


def payment_columns(payment: Payment) -> dict[str, Any]:
    return {
        "paid_at": payment.at,
        "payment_method": cut(payment.method, 40),
        "payment_reference": cut(payment.reference, 120),
    }


def _purpose(purpose: str) -> str:
    if purpose not in Document.Purpose.values:
        raise NotIssuable(f"There is no purpose {purpose!r}.")
    return purpose


def _must_be_left(amount: int, invoice: Document) -> None:
    if not 0 < amount <= invoice.creditable:
        left = money_text(invoice.creditable, invoice.currency)
        raise TooMuchCredited(f"Enter an amount above zero, and at most {left}.", field="amount")
