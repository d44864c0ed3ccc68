"""Checkout in a real browser, without JavaScript, under the site's content security policy."""

from collections.abc import Iterator
from typing import Any

import pytest
import stripe
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect, sync_playwright

from portal.testing.chromium import launched
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in this thread
    with sync_playwright() as playwright:
        yield launched(playwright)


def test_declined_then_3d_secure_then_paid(browser: Browser, live_server: Any, simulated: SimulatedStripe) -> None:
    simulated.server.world.pages = f"{live_server.url}/simulated-stripe"
    customer = stripe.Customer.create(email="ada@example.com")
    session = stripe.checkout.Session.create(
        mode="payment",
        customer=customer.id,
        success_url=f"{live_server.url}/healthz?{{CHECKOUT_SESSION_ID}}",
        line_items=[
            {
                "price_data": {"currency": "usd", "unit_amount": 2000, "product_data": {"name": "1,000 credits"}},
                "quantity": 1,
            }
        ],
    )
    page = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    page.goto(str(session.url))
    expect(page.get_by_text("no money moves")).to_be_visible()
    page.get_by_label("Test card").select_option("4000000000009995")
    page.get_by_role("button", name="Pay $20.00").click()
    expect(page.get_by_role("alert")).to_contain_text("insufficient funds")
    page.get_by_label("Test card").select_option("4000002760003184")
    page.get_by_role("button", name="Pay $20.00").click()
    page.get_by_role("button", name="Fail the check").click()
    expect(page.get_by_role("alert")).to_contain_text("unable to authenticate")
    page.get_by_label("Test card").select_option("4000002760003184")
    page.get_by_role("button", name="Pay $20.00").click()
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url(f"**/healthz?{session.id}")
    assert stripe.checkout.Session.retrieve(session.id).payment_status == "paid"
    assert simulated.books()["totals"]["usd"]["charge"] == 2000


def test_the_pages_are_accessible(browser: Browser, live_server: Any, simulated: SimulatedStripe) -> None:
    simulated.server.world.pages = f"{live_server.url}/simulated-stripe"
    customer = stripe.Customer.create(email="ada@example.com")
    price = stripe.Price.create(
        unit_amount=2000, currency="usd", recurring={"interval": "month"}, product_data={"name": "Pro"}
    )
    items: Any = [{"price": price.id, "quantity": 1}]
    sessions = [
        stripe.checkout.Session.create(
            mode="subscription",
            customer=customer.id,
            success_url=f"{live_server.url}/",
            line_items=items,
            allow_promotion_codes=True,
        )
        for _ in range(2)
    ]
    simulated.pay(sessions[0].id)
    portal = stripe.billing_portal.Session.create(customer=customer.id, return_url=f"{live_server.url}/")
    invoice = stripe.Invoice.list(customer=customer.id).data[0]
    page = browser.new_page()
    for url in (sessions[1].url, portal.url, invoice.hosted_invoice_url):
        page.goto(str(url))
        assert Axe().run(page).response["violations"] == []
