"""Stripe's invoices of a plan are among the workspace's documents."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import stripe
from django.db import IntegrityError

from accounts.tests.quartet import page
from billing.gateway import subscription_invoices
from billing.gateway.subscription_invoices import InvoiceCopyLine
from billing.invoices.models import Document
from billing.invoices.selectors import by_rate
from billing.plans.models import SubscriptionNotice
from billing.plans.subscribing import documents
from billing.plans.subscribing.documents import lines_of
from billing.plans.subscribing.tests.conftest import Till

pytestmark = pytest.mark.django_db


def test_each_invoice_once_with_its_lines(till: Till, alice_client: Any) -> None:
    till.start("plus")
    till.advance(days=10)
    shown = till.shown("team")
    till.confirm(shown)
    till.asked_anew()
    till.advance(days=19)
    till.look()
    found = list(Document.objects.filter(workspace=till.workspace).order_by("pk"))
    assert [document.total for document in found] == [2_000, shown.amount_due, 5_000]
    assert {(document.purpose, document.status, document.origin) for document in found} == {
        ("subscription", "paid", "stripe")
    }
    (line,) = found[1].lines.all()
    assert line.amount == shown.amount_due
    assert ", less Unused time" in line.description
    plan = alice_client.get(page(till.workspace, "plan")).content.decode()
    assert all(str(document.number) in plan for document in found)


@pytest.mark.parametrize("inclusive", [True, False])
def test_taxes_are_those_that_stripe_charged(till: Till, alice_client: Any, inclusive: bool) -> None:
    """With the name and percentage of their rate, line by line, also where a change gives something back."""
    rate = stripe.TaxRate.create(display_name="VAT", percentage=19, inclusive=inclusive)
    row = till.start("plus")
    stripe.Subscription.modify(str(row.stripe_id), default_tax_rates=[rate.id])
    till.advance(days=10)
    shown = till.shown("team")
    till.confirm(shown)
    till.advance(days=19)
    till.look()
    without, change, month = Document.objects.filter(workspace=till.workspace).order_by("pk")
    assert (without.tax, [rate.percent for rate in by_rate(without, without.lines.all())]) == (0, [0])
    for document, net in ((change, None), (month, 4_202 if inclusive else 5_000)):
        (line,) = document.lines.all()
        assert (line.tax_name, line.tax_percent, document.tax_included) == ("VAT", Decimal(19), inclusive)
        (found,) = by_rate(document, [line])
        assert (found.name, found.percent, found.tax) == ("VAT", 19, document.tax)
        assert found.net + found.tax == document.total
        assert net in (None, found.net)
        assert abs(found.net * 19 - found.tax * 100) <= 100  # each of Stripe's two lines is rounded on its own
    assert change.total == shown.amount_due
    read = alice_client.get(page(till.workspace, f"invoices/{month.public_id}")).content.decode()
    assert "VAT 19" in read


def copied(description: str, amount: int, **tax: Any) -> InvoiceCopyLine:
    return InvoiceCopyLine(description, amount, 0, tax.get("tax", 0), "VAT", Decimal(tax.get("percent", 0)))


def test_merged_lines_have_the_rate_of_one_that_has_one() -> None:
    lines = (copied("Setup", 5_000), copied("Plan", 2_000, tax=380, percent=19), copied("Unused", -1_000))
    (line,) = lines_of(lines)
    assert (line.amount, line.tax, line.tax_percent) == (6_000, 380, 19)


@pytest.mark.parametrize(
    ("amount", "included", "percentage", "percent"),
    [(2_000, False, 0.0, "25"), (2_500, True, None, "25"), (0, False, 0.0, "100"), (10**12, False, 0.0, "0.0001")],
)
def test_a_tax_without_a_percentage_has_the_one_that_it_comes_to(
    amount: int, included: bool, percentage: float | None, percent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flat one, or one of no rate: a document's line is not taxed at nothing."""
    found = SimpleNamespace(display_name="Fee", percentage=percentage)
    monkeypatch.setattr(stripe.TaxRate, "retrieve", Mock(return_value=found))
    details = SimpleNamespace(tax_rate="txr_1") if percentage is not None else None
    behavior = "inclusive" if included else "exclusive"
    tax = SimpleNamespace(amount=500, tax_behavior=behavior, tax_rate_details=details)
    line = SimpleNamespace(description="Plan", amount=amount, discount_amounts=[], taxes=[tax])
    copy = subscription_invoices._line(line, subscription_invoices._Rates(), included=included)
    assert (copy.tax, copy.tax_percent) == (500, Decimal(percent))


def test_an_invoice_that_cannot_be_kept_lets_the_change_be_done_and_is_tried_again(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    till.start("plus")
    broken = Mock(side_effect=IntegrityError("document_line_untaxed"))
    with monkeypatch.context() as patched:
        patched.setattr(documents, "stripe_invoice_mirror", broken)
        assert till.change("team").status == "done"
    assert broken.called
    assert Document.objects.filter(workspace=till.workspace).count() == 1
    (notice,) = SubscriptionNotice.objects.filter(about="invoices")
    with till.time() as now:
        assert now < notice.at
    till.advance(seconds=16 * 60)
    till.look()
    assert Document.objects.filter(workspace=till.workspace).count() == 2
    assert not SubscriptionNotice.objects.filter(about="invoices").exists()
