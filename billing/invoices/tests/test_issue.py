"""Invoices of what was bought: issued once, fixed, adding up, for the right parties."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.invoices.errors import DocumentConflict, NotIssuable
from billing.invoices.issue import invoice_issue
from billing.invoices.models import Document, DocumentLine, NumberCounter
from billing.invoices.money import Tax
from billing.invoices.profiles import profile_save
from billing.invoices.seller import seller_update
from billing.invoices.tests.conftest import PAID, VAT, Issue, line
from billing.invoices.verify import number_problems, verify_documents
from billing.invoices.writing import number

pytestmark = pytest.mark.django_db


def test_a_pack_is_invoiced_paid(pack: Issue, shop: Workspace) -> None:
    document = pack()
    document.refresh_from_db()
    year = clock.now().year
    assert document.number == f"INV-{year}-000001"
    assert (document.subtotal, document.tax, document.total, document.amount_paid) == (10_000, 1_900, 11_900, 11_900)
    assert (document.status, document.paid_at, document.payment_reference) == ("paid", PAID.at, "pi_1")
    assert (document.credits, document.amount_due) == (5_000 * NANO, 0)
    assert document.seller["name"] == "Purser Operations GmbH"
    assert document.customer["tax_id"] == "PL1234567890"
    assert document.customer["name"] == "Żółć & Söhne SE"
    assert verify_documents(shop.pk) == []


def test_the_same_key_issues_once(pack: Issue, shop: Workspace) -> None:
    first = pack("purchase:1")
    again = invoice_issue(
        key="purchase:1", workspace=shop, purpose="pack", lines=[line(credits=5_000 * NANO)], tax=VAT, paid=PAID
    )
    assert (again.document.pk, again.replay) == (first.pk, True)
    assert Document.objects.count() == 1
    assert DocumentLine.objects.count() == 1
    assert OutboxMessage.objects.filter(kind="invoice.receipt").count() == 1
    with pytest.raises(DocumentConflict):
        pack("purchase:1", lines=[line(unit_amount=1)])
    assert NumberCounter.objects.get().last == 1


def test_numbers_follow_one_another_in_their_series(pack: Issue, staff_user: User) -> None:
    numbers = [pack(f"k{n}").sequence for n in range(3)]
    assert numbers == [1, 2, 3]
    seller_update(changes={"invoice_prefix": "NW"}, actor=staff_user)
    assert pack("other").number == f"NW-{clock.now().year}-000001"
    seller_update(changes={"invoice_prefix": "INV"}, actor=staff_user)
    assert pack("back").sequence == 4
    assert number_problems() == []


def test_a_new_year_begins_with_one(pack: Issue) -> None:
    now = clock.now()
    pack("old")
    with clock.at(now.replace(year=now.year + 1, month=1, day=1)):
        document = pack("new")
    assert document.number == f"INV-{now.year + 1}-000001"


def test_a_rolled_back_issue_leaves_no_gap(pack: Issue) -> None:
    pack("a")
    with transaction.atomic():
        assert pack("b").sequence == 2
        transaction.set_rollback(True)
    assert pack("c").sequence == 2
    assert number_problems() == []


def test_what_was_issued_keeps_what_it_says(pack: Issue, shop: Workspace, alice: User, staff_user: User) -> None:
    document = pack()
    profile_save(workspace=shop, values={"legal_name": "New name"}, by=alice)
    seller_update(changes={"legal_name": "Another seller"}, actor=staff_user)
    document.refresh_from_db()
    assert (document.customer["name"], document.seller["name"]) == ("Żółć & Söhne SE", "Purser Operations GmbH")
    assert pack("next").customer["name"] == "New name"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE invoices_document SET total = total + 1, tax = tax + 1",
        "UPDATE invoices_document SET customer = '{}'",
        "UPDATE invoices_document SET number = 'INV-2026-999999'",
        "UPDATE invoices_document SET number = NULL, sequence = NULL, issued_at = NULL",
        "UPDATE invoices_document SET status = 'open', amount_paid = 0, paid_at = NULL",
        "UPDATE invoices_document SET amount_paid = 0",
        "UPDATE invoices_document SET credited = 5",
        "DELETE FROM invoices_documentline",
        "DELETE FROM invoices_document",
        "UPDATE invoices_documentline SET description = 'x'",
        "INSERT INTO invoices_documentline (document_id, position, description, detail, quantity, unit_amount, amount,"
        " discount, tax_name, tax_percent, tax, credits) SELECT id, 9, 'x', '', 0, 0, 0, 0, '', 0, 0, 0"
        " FROM invoices_document",
        "TRUNCATE invoices_document CASCADE",
        "UPDATE invoices_numbercounter SET last = last + 2",
        "UPDATE invoices_numbercounter SET last = last - 1",
        "DELETE FROM invoices_numbercounter",
        "INSERT INTO invoices_numbercounter (series, year, last, last_at) VALUES ('X', 2026, 2, now())",
    ],
)
def test_the_database_refuses_to_change_it(pack: Issue, change: str) -> None:
    pack()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; {change}")


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "paid"},
        {"number": "X-1"},
        {"total": 5},
        {"currency": "US"},
        {"kind": "credit_note", "status": "issued"},
        {"status": "draft", "purpose": "pack"},
        {"credited": 1},
        {"stripe_id": "in_1"},
    ],
)
def test_the_database_refuses_what_no_document_is(shop: Workspace, columns: dict[str, Any]) -> None:
    plain = {"workspace": shop, "kind": "invoice", "purpose": "custom", "currency": "usd", "status": "draft"}
    with pytest.raises(IntegrityError), transaction.atomic():
        Document.objects.create(key="k", request_hash=b"", **(plain | columns))


def test_written_and_not_numbered_does_not_commit(shop: Workspace) -> None:
    Document.objects.create(
        workspace=shop, key="k", request_hash=b"", kind="invoice", purpose="pack", currency="usd", status="open"
    )
    with pytest.raises(IntegrityError, match="not numbered"), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    transaction.set_rollback(True)


def test_lines_must_add_up_when_the_number_is_drawn(shop: Workspace, custom: Issue) -> None:
    draft = custom(issue=False)
    DocumentLine.objects.filter(document=draft).update(discount=1)
    draft.status = "open"
    with pytest.raises(IntegrityError, match="do not add up"):
        number(draft)
    assert not NumberCounter.objects.exists()


def test_rates_of_their_own_and_taxes_that_stripe_worked_out(shop: Workspace) -> None:
    lines = [line(), line("Books", 5_000, tax=Tax("VAT", Decimal(7))), line("By Stripe", 100, tax_amount=20)]
    document = invoice_issue(key="k", workspace=shop, purpose="pack", lines=lines, tax=VAT, paid=PAID).document
    assert (document.tax, document.total) == (1_900 + 350 + 20, 15_100 + 2_270)


def test_discounts_and_included_tax(shop: Workspace) -> None:
    tax = Tax("VAT", Decimal(19), included=True)
    document = invoice_issue(
        key="k", workspace=shop, purpose="pack", lines=[line(unit_amount=11_900, discount=1_190)], tax=tax, paid=PAID
    ).document
    assert (document.subtotal, document.discount, document.tax, document.total) == (11_900, 1_190, 1_710, 10_710)
    assert [each.net for each in document.lines.all()] == [9_000]
    assert verify_documents(shop.pk) == []


def test_reverse_charge_has_no_tax(shop: Workspace) -> None:
    document = invoice_issue(
        key="k", workspace=shop, purpose="pack", lines=[line()], tax=Tax("VAT", reverse_charge=True), paid=PAID
    ).document
    assert (document.tax, document.reverse_charge) == (0, True)


@pytest.mark.parametrize("given", [{"lines": []}, {"lines": [line(discount=10**9)]}])
def test_nonsense_is_refused(pack: Issue, given: dict[str, Any]) -> None:
    with pytest.raises(NotIssuable):
        pack(**given)
    assert not Document.objects.exists()


def test_no_such_purpose(shop: Workspace) -> None:
    with pytest.raises(NotIssuable):
        invoice_issue(key="k", workspace=shop, purpose="gift", lines=[line()])


def test_a_receipt_goes_to_who_looks_after_billing(pack: Issue, shop: Workspace, alice: User) -> None:
    document = pack()
    message = OutboxMessage.objects.get()
    assert message.to == [alice.email]  # the owner; bob only looks
    assert message.subject == f"Receipt for Northwind AI: invoice {document.number}"
    assert "We received $119.00 on 3 March 2026 by card (reference pi_1) for" in message.text
    assert "5,000 credits were added to its balance" in message.html
    assert message.attachments[0]["name"] == f"{document.number}.pdf"
    assert message.reply_to == ["billing@operator.example"]
    profile_save(workspace=shop, values={"email": "books@northwind.example"}, by=alice)
    pack("second")
    assert OutboxMessage.objects.order_by("-pk")[0].to == ["books@northwind.example"]


def test_verification_finds_what_somebody_changed(pack: Issue, shop: Workspace) -> None:
    pack()
    pack("second")
    with connection.cursor() as cursor:
        cursor.execute("SET purser.ledger_rewrite = 'on'")
        cursor.execute("UPDATE invoices_documentline SET tax = tax - 5 WHERE position = 1")
        cursor.execute("DELETE FROM invoices_documentline WHERE document_id IN (SELECT min(id) FROM invoices_document)")
        cursor.execute("DELETE FROM invoices_document WHERE sequence = 1")
        cursor.execute("RESET purser.ledger_rewrite")
    assert any("its lines make" in problem.detail for problem in verify_documents(shop.pk))
    assert number_problems() == [f"series INV of {clock.now().year}: 2 numbers were drawn, 1 of 2 to 2 are there"]
