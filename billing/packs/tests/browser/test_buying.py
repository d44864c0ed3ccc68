"""Buying in a real browser: with and without JavaScript, declined, with 3-D Secure, left half-way, pressed twice."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Workspace
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.invoices.models import Document
from billing.ledger.models import Lot
from billing.ledger.selectors import balance
from billing.overview.tests.browser.conftest import Visit, Visiting
from billing.packs.models import Promotion, Purchase
from billing.packs.tests.browser.conftest import Worker
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)
GOOD, DECLINED, SECURE = "4242424242424242", "4000000000000002", "4000002760003184"


def buy_page(visit: Visit, workspace: Workspace) -> Page:
    return visit.open(f"/w/{workspace.public_id}/credits/buy")


def to_checkout(page: Page, pack: str = "Growth") -> None:
    page.get_by_role("radio", name=re.compile(pack)).check()
    page.get_by_role("button", name="Continue to payment").click()
    expect(page.get_by_text("no money moves")).to_be_visible()


def pay(page: Page, number: str) -> None:
    page.get_by_label("Test card").select_option(number)
    page.get_by_role("button", name=re.compile("^Pay")).click()


def arrived(page: Page, words: str = "10,500 credits added") -> None:
    expect(page.get_by_role("heading", name=words)).to_be_visible(timeout=20_000)


def available(workspace: Workspace) -> int:
    return balance(workspace.pk).available // NANO


def credited_once(workspace: Workspace, shop: SimulatedStripe, cents: int = 5_000) -> None:
    """One purchase of Growth: balance, lots, invoice, receipt and Stripe's books have it, and nothing else."""
    assert Purchase.objects.exclude(status=Purchase.Status.CANCELED).get().amount == cents
    assert available(workspace) == 10_500
    lots = Lot.objects.filter(workspace_id=workspace.pk).order_by("pk")
    assert [(lot.label, lot.remaining // NANO) for lot in lots] == [("Growth", 10_000), ("Growth: bonus", 500)]
    invoice = Document.objects.get()
    assert (invoice.total, invoice.amount_paid, invoice.credits) == (cents, cents, 10_500 * NANO)
    assert OutboxMessage.objects.get().subject == f"Receipt for Northwind AI: invoice {invoice.number}"
    assert shop.books()["totals"]["usd"]["charge"] == cents


def test_with_the_success_card(visit: Visiting, shop: SimulatedStripe, workspace: Workspace, worker: Worker) -> None:
    tab = visit()
    page = buy_page(tab, workspace)
    assert tab.violations() == []
    to_checkout(page)
    worker.rests.set()
    pay(page, GOOD)
    expect(page.get_by_role("heading", name="Confirming your payment")).to_be_visible()
    assert tab.violations() == []
    expect(page.locator("#purchase")).to_have_attribute("data-status", "open")
    worker.rests.clear()
    arrived(page)
    assert tab.violations() == []
    expect(page.locator(".pill")).to_contain_text("10,500")
    page.get_by_role("link", name=re.compile("^INV-")).click()
    expect(page.get_by_text("$50.00").first).to_be_visible()
    credited_once(workspace, shop)


def test_without_javascript_declined_then_3d_secure(
    visit: Visiting, shop: SimulatedStripe, workspace: Workspace, worker: Worker
) -> None:
    tab = visit(java_script_enabled=False)
    page = buy_page(tab, workspace)
    to_checkout(page)
    pay(page, DECLINED)
    expect(page.get_by_role("alert")).to_contain_text("declined")
    pay(page, SECURE)
    page.get_by_role("button", name="Fail the check").click()
    expect(page.get_by_role("alert")).to_contain_text("unable to authenticate")
    assert available(workspace) == 0
    pay(page, SECURE)
    page.get_by_role("button", name="Approve").click()
    arrived(page)  # the page looks again by itself
    expect(page.locator(".pill")).to_contain_text("10,500")
    page.get_by_role("link", name=re.compile("^INV-")).click()
    expect(page.get_by_text("$50.00 paid on")).to_be_visible()
    page.get_by_role("link", name="Credits", exact=True).click()
    expect(page.get_by_text("Growth: bonus")).to_be_visible()
    tab.problems[:] = [each for each in tab.problems if "422" not in each]  # how the browser notes a declined card
    credited_once(workspace, shop)


def test_left_half_way_and_gone_on(
    visit: Visiting, shop: SimulatedStripe, workspace: Workspace, worker: Worker
) -> None:
    Promotion.objects.create(code="SPRING", percent_off=20)
    page = buy_page(visit(width=390), workspace)
    page.get_by_label("Promotion code").fill("spring")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("$40.00")).to_be_visible()
    to_checkout(page)
    page.get_by_role("link", name=re.compile("Back|Cancel|Leave", re.I)).first.click()
    expect(page.get_by_text("You left before paying. Nothing was charged.")).to_be_visible()
    expect(page.get_by_label("Promotion code")).to_have_value("SPRING")
    page.get_by_role("link", name="Go on paying").click()
    pay(page, GOOD)
    arrived(page)
    credited_once(workspace, shop, 4_000)


def test_pressed_twice_it_is_one_purchase(
    visit: Visiting, shop: SimulatedStripe, workspace: Workspace, worker: Worker
) -> None:
    page = buy_page(visit(), workspace)
    page.get_by_role("radio", name=re.compile("Growth")).check()
    page.get_by_role("button", name="Continue to payment").dblclick()
    expect(page.get_by_text("no money moves")).to_be_visible()
    page.get_by_label("Test card").select_option(GOOD)
    page.get_by_role("button", name=re.compile("^Pay")).dblclick()
    arrived(page)
    credited_once(workspace, shop)


def test_the_pages_are_accessible_and_fit(tab: Visit, shop: SimulatedStripe, workspace: Workspace) -> None:
    for path in ("credits/buy", "credits/purchases", "payment-methods", "credits"):
        tab.open(f"/w/{workspace.public_id}/{path}")
        assert tab.wrong() == []


def test_a_card_is_added_and_removed(visit: Visiting, shop: SimulatedStripe, workspace: Workspace) -> None:
    tab = visit()
    page = tab.open(f"/w/{workspace.public_id}/payment-methods")
    page.get_by_role("button", name="Add a card").click()
    page.get_by_label("Test card").select_option(GOOD)
    page.get_by_role("button", name="Save card").click()
    expect(page.get_by_text("The card is saved.")).to_be_visible()
    assert tab.violations() == []
    page.get_by_role("link", name="Remove Visa 4242").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No card saved")).to_be_visible()
