"""Custom invoices: written by the operator, issued, sent, and paid by transfer, which brings their credits.

Locks are taken in this order: wallet, document, counter. The credits of an invoice are granted under its own key, so
however often and by how many hands it is marked paid, they come in once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.http import HttpRequest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import credits as in_credits
from billing.foundation.audit.services import record
from billing.invoices import emails
from billing.invoices.errors import NotIssuable, WrongState
from billing.invoices.issue import credit_note_issue, payment_columns
from billing.invoices.models import Document
from billing.invoices.money import NO_TAX, LineInput, Tax, major
from billing.invoices.writing import (
    Issued,
    Payment,
    content_hash,
    headers,
    lines_write,
    number,
    price_all,
    written_once,
)
from billing.ledger.correction_services import lot_refund
from billing.ledger.models import Lot, Wallet
from billing.ledger.services import credits_grant, cut

NAMESPACE = "invoices"
Status = Document.Status


@dataclass(frozen=True)
class Terms:
    """What a custom invoice says. `credit_days`: how long the credits can be used once it is paid (None: for ever)."""

    lines: Sequence[LineInput]
    tax: Tax = NO_TAX
    currency: str = "usd"
    net_days: int = 30
    purchase_order: str = ""
    notes: str = ""
    credit_days: int | None = None


@transaction.atomic
def custom_draft_create(
    *, key: str, workspace: Workspace, terms: Terms, actor: User, request: HttpRequest | None = None
) -> Document:
    """A draft, once per `key`: it has no number, and its customer does not see it. Raises NotIssuable."""
    fixed = {"workspace": workspace, "kind": Document.Kind.INVOICE, "purpose": Document.Purpose.CUSTOM}
    columns = _columns(terms) | fixed | {"status": Status.DRAFT}
    draft, made = written_once(f"custom:{key}", content_hash({"workspace": workspace.pk}), columns)
    if made:
        lines_write(draft, price_all(terms.lines, terms.tax))
        _audit("invoice.drafted", draft, actor, request)
    return draft


@transaction.atomic
def custom_draft_change(
    *, document: Document, terms: Terms, actor: User, request: HttpRequest | None = None
) -> Document:
    """Write the draft anew. Raises NotIssuable, WrongState."""
    draft = _locked(document)
    _must_be_draft(draft)
    for name, value in _columns(terms).items():
        setattr(draft, name, value)
    draft.save()
    draft.lines.all().delete()
    lines_write(draft, price_all(terms.lines, terms.tax))
    _audit("invoice.draft_changed", draft, actor, request)
    return draft


@transaction.atomic
def custom_draft_discard(*, document: Document, actor: User, request: HttpRequest | None = None) -> None:
    """Raises WrongState when it is issued."""
    draft = _locked(document)
    _must_be_draft(draft)
    _audit("invoice.draft_discarded", draft, actor, request)
    draft.delete()


@transaction.atomic
def custom_issue(*, document: Document, actor: User, request: HttpRequest | None = None, tell: bool = True) -> Document:
    """Give a draft its number and send it. Raises WrongState when it is issued already."""
    draft = _locked(document)
    _must_be_draft(draft)
    if draft.total == 0:
        raise NotIssuable("An invoice that somebody should pay comes to more than nothing.")
    draft.status = Status.OPEN
    number(draft)
    _audit("invoice.issued", draft, actor, request)
    if tell:
        emails.tell_issued(draft)
    return draft


@transaction.atomic
def custom_paid(
    *, document: Document, payment: Payment, actor: User, request: HttpRequest | None = None, tell: bool = True
) -> bool:
    """The transfer came: the invoice is paid, and its credits are in the wallet with this transaction. False when that
    was so before. Raises WrongState (a draft, or void).
    """
    invoice = _locked(document)
    if invoice.origin != Document.Origin.OWN or invoice.is_credit_note or not invoice.number:
        raise WrongState("Only an invoice that was issued here can be marked paid.")
    if invoice.status == Status.PAID:
        return False
    if invoice.status not in (Status.OPEN, Status.UNCOLLECTIBLE):
        raise WrongState(f"{invoice.number} is {invoice.get_status_display().lower()}: nothing is owed for it.")
    _grant(invoice, actor)
    invoice.status = Status.PAID
    invoice.amount_paid = invoice.total - invoice.credited
    for name, value in payment_columns(payment).items():
        setattr(invoice, name, value)
    invoice.save(update_fields=["status", "amount_paid", "paid_at", "payment_method", "payment_reference"])
    _audit("invoice.paid", invoice, actor, request, reason=f"{payment.method} {payment.reference}".strip())
    if tell:
        emails.tell_paid(invoice)
    return True


@transaction.atomic
def document_close(
    *, document: Document, status: str, reason: str, actor: User, request: HttpRequest | None = None
) -> bool:
    """Void an invoice (nothing is owed any more), or write it off as uncollectible. The number stays used. False when
    that was done before. Raises WrongState when it is paid.
    """
    if status not in (Status.VOID, Status.UNCOLLECTIBLE):
        raise ValueError(status)
    invoice = _locked(document)
    if invoice.status == status:
        return False
    if invoice.origin != Document.Origin.OWN or invoice.status not in (Status.OPEN, Status.UNCOLLECTIBLE):
        raise WrongState("Only an invoice of ours that nobody has paid can be closed; a paid one is credited.")
    invoice.status, invoice.closed_at = status, clock.now()
    invoice.save(update_fields=["status", "closed_at"])
    action = "invoice.voided" if status == Status.VOID else "invoice.written_off"
    _audit(action, invoice, actor, request, reason=reason)
    if status == Status.VOID:
        emails.tell_void(invoice)
    return True


@transaction.atomic
def custom_credit(
    *,
    key: str,
    document: Document,
    amount: int,
    credits: int,
    reason: str,
    actor: User,
    paid_back: Payment | None = None,
    request: HttpRequest | None = None,
) -> Issued:
    """A credit note for a custom invoice: `amount` minor units, and `credits` nano-credits taken back of what it
    brought (before it is paid: it will bring so many fewer). What of them is spent becomes debt. Once per `key`.

    Raises WrongState, TooMuchCredited, NotIssuable, DocumentConflict and the ledger's NotReversible.
    """
    invoice = _locked(document)
    if invoice.purpose != Document.Purpose.CUSTOM or invoice.is_credit_note:
        raise WrongState("This is for custom invoices; what was bought otherwise is refunded where it was paid.")
    issued = credit_note_issue(
        key=f"custom:{key}", invoice=invoice, amount=amount, credits=credits, reason=reason, paid_back=paid_back
    )
    if issued.replay:
        return issued
    if credits_due(invoice) < 0:
        raise NotIssuable("The invoice does not bring so many credits.", field="credits")
    if credits and (lot := lot_of(invoice)) is not None:
        lot_refund(
            workspace_id=invoice.workspace_id,
            lot_id=lot.pk,
            amount=credits,
            namespace=NAMESPACE,
            key=f"credit-note:{issued.document.public_id}",
            reason=f"credit note {issued.document.number}: {reason}",
            actor=actor.email,
        )
    _audit("invoice.credited", issued.document, actor, request, reason=reason)
    return issued


def grant_key(invoice: Document) -> str:
    return f"invoice:{invoice.public_id}"


def lot_of(invoice: Document) -> Lot | None:
    """The credits that the paid invoice brought."""
    found = Lot.objects.filter(workspace=invoice.workspace_id, operation__namespace=NAMESPACE)
    return found.filter(operation__key=grant_key(invoice)).first()


def credits_due(invoice: Document) -> int:
    """Nano-credits that it brings, less those of its credit notes; negative when these took more."""
    taken = invoice.credit_notes.aggregate(sum=Sum("credits"))["sum"] or 0
    return invoice.credits - int(taken)


def unit_price_usd(invoice: Document) -> Decimal | None:
    """What a credit of it costs without tax; None in another currency."""
    lines = [line for line in invoice.lines.select_related("document") if line.credits]
    if invoice.currency != "usd" or not lines:
        return None
    paid = major(sum(line.net for line in lines), "usd")
    bought = in_credits(sum(line.credits for line in lines))
    return (paid / bought).quantize(Decimal("0.000000000001"))


def _grant(invoice: Document, actor: User) -> None:
    """Its credits, under its own key. The wallet is locked already."""
    amount = credits_due(invoice)
    if amount <= 0:
        return
    now, days = clock.now(), invoice.credit_days
    credits_grant(
        workspace_id=invoice.workspace_id,
        namespace=NAMESPACE,
        key=grant_key(invoice),
        amount=amount,
        source="bought",
        kind="grant.pack",
        label=f"Invoice {invoice.number}",
        expires_at=now + timedelta(days=days) if days else None,
        unit_price_usd=unit_price_usd(invoice),
        actor=actor.email,
        reason=f"paid: invoice {invoice.number}",
    )


def _locked(document: Document) -> Document:
    """The document as it is now, locked; before it, the wallet of its workspace."""
    Wallet.objects.select_for_update(no_key=True).filter(pk=document.workspace_id).first()
    rows = Document.objects.select_for_update(of=("self",)).select_related("workspace")
    found = rows.filter(pk=document.pk).first()
    if found is None:
        raise WrongState("This draft was discarded by someone else.")
    return found


def _must_be_draft(document: Document) -> None:
    if document.status != Status.DRAFT:
        raise WrongState(f"{document} is issued: what it says is fixed.")


def _columns(terms: Terms) -> dict[str, Any]:
    return headers(price_all(terms.lines, terms.tax), terms.tax) | {
        "currency": terms.currency,
        "net_days": terms.net_days,
        "purchase_order": cut(terms.purchase_order, 60),
        "notes": cut(terms.notes, 1000),
        "credit_days": terms.credit_days,
    }


def _audit(action: str, document: Document, actor: User, request: HttpRequest | None, *, reason: str = "") -> None:
    record(
        action=action,
        actor=actor,
        workspace=document.workspace,
        target=f"{document.get_kind_display().lower()} {document.number or document.public_id}",
        after={
            "total": f"{major(document.total, document.currency)} {document.currency}",
            "credits": f"{in_credits(document.credits):f}",
            "status": document.status,
        },
        reason=reason,
        request=request,
    )
