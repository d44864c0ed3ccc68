"""Stripe's documents: kept as Stripe has them, whatever order the news come in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import Workspace
from billing.invoices.errors import DocumentConflict, NotIssuable
from billing.invoices.mirror import StripeDocument, StripeLine, stripe_invoice_mirror
from billing.invoices.models import Document
from billing.invoices.verify import number_problems, verify_documents

pytestmark = pytest.mark.django_db
AT = datetime(2026, 2, 1, tzinfo=UTC)
OPEN = StripeDocument(
    stripe_id="in_1",
    number="ABCD-0001",
    as_of=AT,
    status="open",
    currency="USD",
    subtotal=2_900,
    tax=551,
    total=3_451,
    issued_at=AT,
    lines=[
        StripeLine("Pro plan", 2_000, quantity=2, tax=380, tax_name="VAT", tax_percent=Decimal(19)),
        StripeLine("Proration", 900, quantity=7, tax=171, tax_name="VAT", tax_percent=Decimal(19)),
    ],
)
PAID = replace(OPEN, status="paid", amount_paid=3_451, paid_at=AT, as_of=AT + timedelta(minutes=1))


def test_news_in_any_order_end_alike(workspace: Workspace) -> None:
    for order in ((OPEN, PAID), (PAID, OPEN), (PAID, OPEN, PAID)):
        for news in order:
            kept = stripe_invoice_mirror(workspace=workspace, document=news)
        kept.refresh_from_db()
        assert (kept.status, kept.amount_paid, kept.total, kept.currency) == ("paid", 3_451, 3_451, "usd")
    assert Document.objects.count() == 1
    assert list(kept.lines.values_list("quantity", "unit_amount")) == [(2, 1_000), (1, 900)]
    assert verify_documents(workspace.pk) == []
    assert number_problems() == []  # Stripe counts its own


def test_a_credit_note_of_stripe(workspace: Workspace) -> None:
    note = replace(
        PAID,
        stripe_id="cn_1",
        number="ABCD-0001-CN-01",
        kind="credit_note",
        status="issued",
        invoice_stripe_id="in_1",
        total=451,
        amount_paid=0,
        paid_at=None,
        lines=[StripeLine("Credit", 451)],
    )
    with pytest.raises(NotIssuable):
        stripe_invoice_mirror(workspace=workspace, document=note)
    invoice = stripe_invoice_mirror(workspace=workspace, document=PAID)
    for _ in range(2):
        stripe_invoice_mirror(workspace=workspace, document=note)
    stripe_invoice_mirror(workspace=workspace, document=replace(PAID, as_of=AT + timedelta(days=1)))
    invoice.refresh_from_db()
    assert invoice.credited == 451


def test_drafts_and_other_workspaces(workspace: Workspace) -> None:
    for wrong in (replace(OPEN, status="draft"), replace(OPEN, number="")):
        with pytest.raises(NotIssuable):
            stripe_invoice_mirror(workspace=workspace, document=wrong)
    stripe_invoice_mirror(workspace=workspace, document=OPEN)
    with pytest.raises(DocumentConflict):
        stripe_invoice_mirror(workspace=Workspace.objects.create(name="Other"), document=PAID)
