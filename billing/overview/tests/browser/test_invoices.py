"""Invoices in a browser: read, printed, filtered without a script, and the billing details filled in."""

from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.invoices.custom import Terms, custom_draft_create, custom_issue
from billing.invoices.issue import credit_note_issue, invoice_issue
from billing.invoices.models import BillingProfile, Document
from billing.invoices.money import LineInput, Tax
from billing.invoices.seller import seller_update
from billing.invoices.writing import Payment
from billing.overview.tests.browser.conftest import Visit, Visiting

pytestmark = pytest.mark.django_db(transaction=True)
VAT = Tax("VAT", Decimal(19))


@pytest.fixture
def billed(workspace: Workspace, alice: User) -> dict[str, Document]:
    """A paid pack, part of it credited, and an overdue custom invoice."""
    seller_update(changes={"legal_name": "Purser GmbH", "bank_details": "IBAN DE02 1203"}, actor=alice)
    lines = [LineInput("Growth pack", 10_000, discount=500, credits=5_000 * NANO)]
    paid = Payment(clock.now(), "card", "pi_1")
    pack = invoice_issue(key="p", workspace=workspace, purpose="pack", lines=lines, tax=VAT, paid=paid).document
    note = credit_note_issue(key="c", invoice=pack, amount=1_190, reason="Refunded").document
    with clock.at(clock.now() - timedelta(days=40)):
        terms = Terms([LineInput("Credits for a year", Decimal("0.45"), 200_000, credits=200_000 * NANO)], tax=VAT)
        draft = custom_draft_create(key="d", workspace=workspace, terms=terms, actor=alice)
        custom = custom_issue(document=draft, actor=alice)
    return {"pack": pack, "note": note, "custom": custom}


def test_pages_are_clean(workspace: Workspace, billed: dict[str, Document], tab: Visit) -> None:
    for path in ["invoices", "billing", *(f"invoices/{document.number}" for document in billed.values())]:
        tab.open(f"/w/{workspace.public_id}/{path}")
        assert tab.wrong() == []
    expect(tab.page.get_by_text("Overdue")).to_be_visible()


def test_from_the_list_to_the_document(workspace: Workspace, billed: dict[str, Document], visit: Visiting) -> None:
    page = visit(java_script_enabled=False).open(f"/w/{workspace.public_id}/invoices")
    page.get_by_label("Kind").select_option("credit_note")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name=str(billed["note"].number), exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Credit note {billed['note'].number}")
    page.get_by_role("link", name=str(billed["pack"].number)).click()
    expect(page.get_by_text("$113.05 paid on")).to_be_visible()
    assert page.request.get(page.url + ".pdf").body().startswith(b"%PDF")


def test_on_paper_the_frame_is_left_out(workspace: Workspace, billed: dict[str, Document], visit: Visiting) -> None:
    page = visit().open(f"/w/{workspace.public_id}/invoices/{billed['custom'].number}")
    page.emulate_media(media="print")
    expect(page.locator(".side")).to_be_hidden()
    expect(page.get_by_role("link", name="PDF")).to_be_hidden()
    expect(page.get_by_text("IBAN DE02 1203")).to_be_visible()


def test_billing_details_are_filled_in(workspace: Workspace, alice: User, visit: Visiting) -> None:
    page = visit().open(f"/w/{workspace.public_id}/billing")
    page.get_by_label("Legal name").fill("Northwind AI Ltd")
    page.get_by_label("Country").select_option("GB")
    page.get_by_label("Tax number", exact=False).last.fill("GB1")
    page.get_by_label("Kind of tax number").select_option("gb_vat")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    assert BillingProfile.objects.get().legal_name == "Northwind AI Ltd"
