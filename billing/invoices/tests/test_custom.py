"""Custom invoices: drafted, issued, paid by transfer, which brings their credits once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.outbox.models import OutboxMessage
from billing.invoices.custom import (
    Terms,
    custom_credit,
    custom_draft_change,
    custom_draft_discard,
    custom_issue,
    custom_paid,
    document_close,
    lot_of,
)
from billing.invoices.emails import send_again
from billing.invoices.errors import NotIssuable, WrongState
from billing.invoices.models import Document, NumberCounter
from billing.invoices.tasks import invoice_numbers, invoice_reminders
from billing.invoices.tests.conftest import VAT, Issue, line
from billing.invoices.verify import verify_documents
from billing.invoices.writing import Payment
from billing.ledger.models import Lot, Operation
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust
from billing.ledger.verify import verify

pytestmark = pytest.mark.django_db


def transfer() -> Payment:
    return Payment(clock.now(), "transfer", "REF-9")


def test_a_draft_has_no_number_and_can_be_written_anew(custom: Issue, staff_user: User) -> None:
    draft = custom(issue=False)
    assert (draft.number, draft.status, draft.total) == (None, "draft", 107_100)
    terms = Terms(lines=[line(unit_amount=5_000)], tax=VAT)
    custom_draft_change(document=draft, terms=terms, actor=staff_user)
    draft.refresh_from_db()
    assert (draft.total, draft.credits, draft.lines.count()) == (5_950, 0, 1)
    custom_draft_discard(document=draft, actor=staff_user)
    assert not Document.objects.exists()
    assert not NumberCounter.objects.exists()
    with pytest.raises(WrongState):
        custom_issue(document=draft, actor=staff_user)


def test_issuing_numbers_and_sends_it(custom: Issue, shop: Workspace, staff_user: User) -> None:
    invoice = custom()
    assert invoice.number is not None
    assert invoice.issued_at is not None
    assert invoice.due_at == invoice.issued_at + timedelta(days=14)
    assert (invoice.status, invoice.amount_due, invoice.purchase_order) == ("open", 107_100, "PO-77")
    message = OutboxMessage.objects.get()
    assert message.subject.startswith(f"Invoice {invoice.number} for Northwind AI: $1,071.00, due ")
    assert "IBAN DE02 1203" in message.text
    assert balance(shop.pk).available == 0
    for change in (
        lambda: custom_issue(document=invoice, actor=staff_user),
        lambda: custom_draft_discard(document=invoice, actor=staff_user),
        lambda: custom_draft_change(document=invoice, terms=Terms(lines=[line()]), actor=staff_user),
    ):
        with pytest.raises(WrongState):
            change()


def test_nothing_is_no_invoice(custom: Issue) -> None:
    with pytest.raises(NotIssuable):
        custom(lines=[line(unit_amount=0)])


def test_the_payment_brings_the_credits_once(custom: Issue, shop: Workspace, staff_user: User) -> None:
    invoice = custom(credit_days=365)
    assert custom_paid(document=invoice, payment=transfer(), actor=staff_user) is True
    assert custom_paid(document=invoice, payment=transfer(), actor=staff_user) is False
    invoice.refresh_from_db()
    assert (invoice.status, invoice.amount_paid, invoice.payment_reference) == ("paid", 107_100, "REF-9")
    assert balance(shop.pk).available == 200_000 * NANO
    lot = Lot.objects.get()
    assert (lot.source, lot.label, lot.unit_price_usd) == ("bought", f"Invoice {invoice.number}", Decimal("0.0045"))
    assert lot.expires_at is not None
    assert lot.expires_at - clock.now() > timedelta(days=364)
    assert verify(workspace_id=shop.pk).ok
    receipt = OutboxMessage.objects.get(kind="invoice.receipt")
    assert receipt.subject == f"Payment for Northwind AI received: invoice {invoice.number}"
    assert "200,000 credits were added to its balance" in receipt.text
    assert AuditEntry.objects.filter(action="invoice.paid").count() == 1


def test_void_is_never_paid_and_paid_never_void(custom: Issue, shop: Workspace, staff_user: User) -> None:
    void, paid = custom("a"), custom("b")
    assert document_close(document=void, status="void", reason="wrong customer", actor=staff_user)
    assert not document_close(document=void, status="void", reason="wrong customer", actor=staff_user)
    with pytest.raises(WrongState):
        custom_paid(document=void, payment=transfer(), actor=staff_user)
    custom_paid(document=paid, payment=transfer(), actor=staff_user)
    with pytest.raises(WrongState):
        document_close(document=paid, status="void", reason="x", actor=staff_user)
    assert OutboxMessage.objects.filter(kind="invoice.void").count() == 1
    assert balance(shop.pk).available == 200_000 * NANO


def test_what_was_written_off_can_still_be_paid(custom: Issue, staff_user: User) -> None:
    invoice = custom()
    document_close(document=invoice, status="uncollectible", reason="no answer", actor=staff_user)
    assert custom_paid(document=invoice, payment=transfer(), actor=staff_user)


def test_drafts_and_packs_are_not_marked_paid(custom: Issue, staff_user: User) -> None:
    with pytest.raises(WrongState):
        custom_paid(document=custom(issue=False), payment=transfer(), actor=staff_user)


def test_a_credit_before_the_payment_makes_it_bring_less(custom: Issue, shop: Workspace, staff_user: User) -> None:
    invoice = custom()
    custom_credit(key="1", document=invoice, amount=53_550, credits=100_000 * NANO, reason="half", actor=staff_user)
    custom_paid(document=invoice, payment=transfer(), actor=staff_user)
    invoice.refresh_from_db()
    assert (invoice.amount_paid, invoice.credited) == (53_550, 53_550)
    assert balance(shop.pk).available == 100_000 * NANO
    assert verify(workspace_id=shop.pk).ok


def test_a_credit_after_it_takes_them_back(custom: Issue, shop: Workspace, staff_user: User) -> None:
    invoice = custom()
    custom_paid(document=invoice, payment=transfer(), actor=staff_user)
    credits_adjust(workspace_id=shop.pk, key="spent", amount=-150_000 * NANO, reason="used", actor="test")
    for _ in range(2):
        custom_credit(
            key="1",
            document=invoice,
            amount=107_100,
            credits=200_000 * NANO,
            reason="cancelled",
            actor=staff_user,
            paid_back=transfer(),
        )
    now = balance(shop.pk)
    assert (now.available, now.debt) == (0, 150_000 * NANO)
    assert Operation.objects.filter(namespace="invoices").count() == 2
    assert lot_of(invoice) is not None
    assert verify(workspace_id=shop.pk).ok
    with pytest.raises(WrongState):
        custom_credit(key="2", document=invoice, amount=1, credits=0, reason="x", actor=staff_user)


def test_no_more_credits_than_it_brings(custom: Issue, staff_user: User) -> None:
    invoice = custom()
    with pytest.raises(NotIssuable):
        custom_credit(key="1", document=invoice, amount=1, credits=200_001 * NANO, reason="x", actor=staff_user)
    assert not Document.objects.filter(kind="credit_note").exists()


def test_reminders_when_it_is_due_and_a_week_later(custom: Issue, staff_user: User) -> None:
    invoice, other = custom("a"), custom("b")
    custom_paid(document=other, payment=transfer(), actor=staff_user)
    due = invoice.due_at
    assert due is not None

    def remind(days: float) -> int:
        return invoice_reminders(now=due + timedelta(days=days), limit=200)

    assert [remind(days) for days in (-0.1, 0, 0.5, 6.9, 7, 30)] == [0, 1, 0, 0, 1, 0]
    subjects = OutboxMessage.objects.filter(kind="invoice.overdue").order_by("pk").values_list("subject", flat=True)
    assert list(subjects) == [
        f"Invoice {invoice.number} for Northwind AI is due: $1,071.00",
        f"Invoice {invoice.number} for Northwind AI is overdue: $1,071.00",
    ]


def test_after_a_long_downtime_one_reminder_is_enough(custom: Issue) -> None:
    due = custom().due_at
    assert due is not None
    assert invoice_reminders(now=due + timedelta(days=8), limit=200) == 1
    assert invoice_reminders(now=due + timedelta(days=9), limit=200) == 0
    assert OutboxMessage.objects.filter(kind="invoice.overdue").count() == 1


def test_a_copy_is_sent_once_per_key(custom: Issue, staff_user: User) -> None:
    invoice = custom()
    for _ in range(2):
        assert send_again(document=invoice, key="k", actor=staff_user, to=["cfo@northwind.example"])
    message = OutboxMessage.objects.get(kind="invoice.copy")
    assert message.to == ["cfo@northwind.example"]
    assert AuditEntry.objects.filter(action="invoice.sent_again").count() == 1


def test_verification_finds_a_payment_without_its_grant(custom: Issue, shop: Workspace) -> None:
    invoice = custom()
    Document.objects.filter(pk=invoice.pk).update(status="paid", amount_paid=107_100, paid_at=clock.now())
    [problem] = verify_documents(shop.pk)
    assert problem.detail.endswith("brings 200000 credits, 0 were granted")
    assert invoice_numbers(now=clock.now(), limit=1) == 0
