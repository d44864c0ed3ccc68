"""What customers are sent: documents, receipts, reminders. Each once (the outbox's keys), with the PDF."""

from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import User
from billing.credits.format import credits_text
from billing.foundation.audit.services import record
from billing.foundation.mail.telling import News, tell
from billing.foundation.outbox.attachments import Attachment
from billing.foundation.site.selectors import site
from billing.invoices.models import Document
from billing.invoices.money import money_text
from billing.invoices.presenting import date_text, file_name, received_text
from billing.invoices.profiles import recipients

ATTACHED = "invoices.pdf"
Status = Document.Status


def tell_issued(document: Document) -> None:
    """The document itself: to be paid, paid already (a receipt), or a credit note."""
    whose = document.workspace
    if document.is_credit_note:
        subject = f"Credit note {document.number} for {whose}"
        _send(document, "credit_note", subject, kind="invoice.credit_note")
    elif document.status == Status.PAID:
        _send(document, "receipt", f"Receipt for {whose}: invoice {document.number}", kind="invoice.receipt")
    else:
        subject = f"Invoice {document.number} for {whose}: {_money(document, document.amount_due)}"
        _send(document, "issued", f"{subject}, due {date_text(document.due_at)}", kind="invoice.issued")


def tell_paid(document: Document) -> None:
    """The transfer for it came."""
    _send(
        document,
        "receipt",
        f"Payment for {document.workspace} received: invoice {document.number}",
        kind="invoice.receipt",
        about="paid",
    )


def tell_void(document: Document) -> None:
    _send(
        document,
        "void",
        f"Invoice {document.number} for {document.workspace} is void",
        kind="invoice.void",
        about="void",
    )


def tell_overdue(document: Document, *, reminder: int) -> None:
    """It is due (1), or has been for a week (2)."""
    subject = f"Invoice {document.number} for {document.workspace} is {'due' if reminder == 1 else 'overdue'}"
    _send(
        document,
        "overdue",
        f"{subject}: {_money(document, document.amount_due)}",
        kind="invoice.overdue",
        about=f"reminder-{reminder}",
        context={"reminder": reminder},
    )


def send_again(*, document: Document, key: str, actor: User, to: list[str] | None = None) -> list[str]:
    """Send the document once more (per `key`), to its usual readers or to others; who they are. Audited."""
    readers = to or recipients(document.workspace)
    template = {Status.PAID: "receipt", Status.ISSUED: "credit_note"}.get(Status(document.status), "issued")
    if template == "issued" and document.status != Status.OPEN:
        template = "copy"
    subject = f"{document.get_kind_display()} {document.number} for {document.workspace}"
    if _send(document, template, subject, kind="invoice.copy", about=f"again-{key}", to=readers):
        record(
            action="invoice.sent_again",
            actor=actor,
            workspace=document.workspace,
            target=f"{document.get_kind_display().lower()} {document.number}",
            after={"to": readers},
        )
    return readers


def _send(
    document: Document,
    template: str,
    subject: str,
    *,
    kind: str,
    about: str = "issued",
    to: list[str] | None = None,
    context: dict[str, Any] | None = None,
) -> bool:
    readers = to or recipients(document.workspace)
    if not readers:
        return False
    shown = _context(document) | (context or {})
    path = reverse("invoices:document", args=[document.workspace.public_id, document.number])
    return tell(
        News(
            workspace=document.workspace,
            kind=kind,
            key=f"document:{document.public_id}:{about}",
            subject=subject,
            text=render_to_string(f"invoices/email/{template}.txt", shown),
            link=settings.SITE_URL + path,
            button=f"See the {document.get_kind_display().lower()}",
        ),
        to=readers,
        reply_to=[document.seller["email"]] if document.seller.get("email") else None,
        attachments=[Attachment(ATTACHED, str(document.pk), file_name(document), "application/pdf")],
    )


def _context(document: Document) -> dict[str, Any]:
    return {
        "document": document,
        "workspace": document.workspace,
        "total": _money(document, document.total),
        "due": _money(document, document.amount_due),
        "due_on": date_text(document.due_at),
        "issued_on": date_text(document.issued_at),
        "received": received_text(document),
        "credits": credits_text(document.credits) if document.credits else "",
        "unit": site().credit_name_plural,
        "bank_details": document.seller.get("bank_details", ""),
    }


def _money(document: Document, minor: int) -> str:
    return money_text(minor, document.currency)
