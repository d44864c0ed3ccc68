"""Credit notes name their invoice and never exceed it, in money or in tax."""

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.invoices.errors import DocumentConflict, NotIssuable, TooMuchCredited, WrongState
from billing.invoices.issue import credit_note_issue
from billing.invoices.models import Document
from billing.invoices.money import Tax
from billing.invoices.tests.conftest import PAID, VAT, Issue, line
from billing.invoices.verify import number_problems, verify_documents

pytestmark = pytest.mark.django_db


def credit(invoice: Document, amount: int | None, key: str = "c", **more: object) -> Document:
    return credit_note_issue(key=key, invoice=invoice, amount=amount, reason="refunded", **more).document  # type: ignore[arg-type]


def test_a_part_is_credited_with_its_part_of_the_tax(pack: Issue, shop: Workspace) -> None:
    invoice = pack()
    note = credit(invoice, 2_380, credits=1_000 * NANO, paid_back=PAID)
    note.refresh_from_db()
    invoice.refresh_from_db()
    assert note.number == f"CN-{clock.now().year}-000001"
    assert (note.total, note.tax, note.status, note.invoice_id) == (2_380, 380, "issued", invoice.pk)
    assert (note.credits, note.payment_method) == (1_000 * NANO, "card")
    assert (invoice.credited, invoice.status, invoice.creditable) == (2_380, "paid", 9_520)
    assert verify_documents(shop.pk) == []
    message = OutboxMessage.objects.get(kind="invoice.credit_note")
    assert f"takes $23.80 off invoice {invoice.number}" in message.text


def test_once_per_key(pack: Issue) -> None:
    invoice = pack()
    first = credit(invoice, 100)
    assert credit(invoice, 100).pk == first.pk
    with pytest.raises(DocumentConflict):
        credit(invoice, 200)
    assert Document.objects.filter(kind="credit_note").count() == 1


@pytest.mark.parametrize("amount", [0, -1, 11_901])
def test_never_more_than_the_invoice(pack: Issue, amount: int) -> None:
    with pytest.raises((TooMuchCredited, NotIssuable)):
        credit(pack(), amount)


def test_never_more_in_sum(pack: Issue) -> None:
    invoice = pack()
    credit(invoice, 10_000, "a")
    with pytest.raises(TooMuchCredited):
        credit(invoice, 1_901, "b")
    credit(invoice, 1_900, "c")
    with pytest.raises(WrongState):
        credit(invoice, 1, "d")
    assert sum(note.tax for note in invoice.credit_notes.all()) == 1_900
    assert number_problems() == []


def test_the_database_keeps_it_within_the_invoice(pack: Issue) -> None:
    invoice = pack()
    note = credit(invoice, 11_900)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT invoices_credit(d) FROM invoices_document d WHERE id = %s", [note.pk])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=6), st.integers(0, 10**6))
def test_whatever_is_credited_in_parts_has_exactly_the_tax_of_each_rate(
    pack: Issue, cuts: list[int], salt: int
) -> None:
    lines = [
        line(unit_amount=7_777),
        line("Books", 3_333, tax=Tax("VAT", VAT.percent / 3)),
        line("Free", 501, tax=Tax()),
    ]
    with transaction.atomic():
        invoice = pack(f"k{salt}", lines=lines)
        for number, cut in enumerate([*cuts, invoice.total]):
            invoice.refresh_from_db()
            if invoice.creditable:
                credit(invoice, min(cut, invoice.creditable), f"c{number}", tell=False)
        notes = Document.objects.filter(invoice=invoice)
        assert sum(note.total for note in notes) == invoice.total
        for each in invoice.lines.all():
            of_rate = [
                found.tax
                for note in notes
                for found in note.lines.all()
                if (found.tax_name, found.tax_percent) == (each.tax_name, each.tax_percent)
            ]
            assert sum(of_rate) == each.tax
        assert verify_documents(invoice.workspace_id) == []
        transaction.set_rollback(True)


def test_lines_of_its_own(pack: Issue) -> None:
    invoice = pack()
    note = credit(invoice, None, lines=[line("Half a pack", 5_000)], tax=VAT)
    assert (note.subtotal, note.tax, note.total) == (5_000, 950, 5_950)


def test_an_open_invoice_credited_whole_is_void(custom: Issue) -> None:
    invoice = custom()
    credit(invoice, invoice.total)
    invoice.refresh_from_db()
    assert (invoice.status, invoice.amount_due) == ("void", 0)
    assert invoice.closed_at is not None


@pytest.mark.parametrize("status", ["draft", "void"])
def test_what_cannot_be_credited(custom: Issue, status: str) -> None:
    invoice = custom(issue=status != "draft")
    if status == "void":
        Document.objects.filter(pk=invoice.pk).update(status="void")
    with pytest.raises(WrongState):
        credit(invoice, 1)
