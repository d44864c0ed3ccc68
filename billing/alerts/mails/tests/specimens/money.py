"""Mails about documents, cards and automatic top-ups."""

from datetime import timedelta

from accounts.models import User, Workspace
from billing.alerts.mails.tests.specimens.accounts import NOW
from billing.credits.units import NANO
from billing.gateway.expiring import ExpiringCard
from billing.invoices import emails as documents
from billing.invoices.models import Document
from billing.packs import emails as packs
from billing.packs.autotopup import notices as topups
from billing.packs.autotopup.models import AutoTopUp, TopUp
from billing.packs.autotopup.words import units
from billing.packs.models import MoneyBack, Purchase

SELLER = {"email": "billing@operator.example", "bank_details": "IBAN DE02 1203 0000 0000 2020 51\nBIC BYLADEM1001"}


def write(workspace: Workspace, owner: User) -> None:
    _documents(workspace, owner)
    packs.tell_card_expires(workspace, ExpiringCard("pm_1", "cus_1", "visa", "4242", 12, 2026))
    _top_ups(workspace)


def document(workspace: Workspace, number: str, status: str, **more: object) -> Document:
    given = {"seller": SELLER, "currency": "usd", "total": 125_000, "credits": 250_000 * NANO, "issued_at": NOW}
    given |= {"due_at": NOW + timedelta(days=30), "payment_method": "card", "purchase_order": "PO-7731"}
    kind = "credit_note" if status == "issued" else "invoice"
    return Document(pk=1, workspace=workspace, kind=kind, number=number, status=status, **(given | more))


def _documents(workspace: Workspace, owner: User) -> None:
    paid = document(workspace, "INV-2026-000042", "paid", amount_paid=125_000, paid_at=NOW)
    open_ = document(workspace, "INV-2026-000043", "open")
    documents.tell_issued(paid)
    documents.tell_issued(open_)
    documents.tell_paid(
        document(workspace, "INV-2026-000044", "paid", payment_method="transfer", amount_paid=125_000, paid_at=NOW)
    )
    note = document(workspace, "CN-2026-000007", "issued", invoice=paid, reason="Two of the packs were a mistake.")
    documents.tell_issued(note)
    documents.tell_void(document(workspace, "INV-2026-000045", "void"))
    for reminder in (1, 2):
        documents.tell_overdue(open_, reminder=reminder)
    documents.send_again(document=document(workspace, "INV-2026-000045", "void"), key="k", actor=owner)


def _top_ups(workspace: Workspace) -> None:
    purchase = Purchase(
        workspace=workspace, automatic=True, name="Automatic top-up", credits=2_000 * NANO, currency="usd",
        price=1_000, amount=1_000,
    )  # fmt: skip
    row = AutoTopUp(
        workspace=workspace, enabled=True, threshold=100 * NANO, amount=2_000 * NANO, day_cap=5_000, month_cap=10_000,
        paused_at=NOW, off_because="The card was declined three times.",
    )  # fmt: skip
    charge = TopUp(
        purchase=purchase, method="pm_1", balance=80 * NANO, threshold=100 * NANO, attempt=1,
        reason=f"The balance was {units(80 * NANO)}, below {units(100 * NANO)}",
        message="Your card has insufficient funds.",
    )  # fmt: skip
    topups.tell_succeeded(charge)
    topups.tell_declined(charge, NOW + timedelta(hours=6))
    topups.tell_off(row, purchase)
    row.off_because = "A cardholder disputes a payment of $10.00."
    topups.tell_disputed(row, MoneyBack(purchase=purchase, stripe_id="dp_1", amount=1_000, reason="fraudulent"))
    topups.tell_confirmation(charge, NOW + timedelta(hours=23))
    for period in ("day", "month"):
        topups.tell_capped(row, period, NOW, NOW + timedelta(days=1), 80 * NANO)
    row.pk = workspace.pk
    topups.tell_paused(row, 4)
