"""Alerts & limits in a browser: clean for axe, on a phone as well; saved without a script of its own."""

import pytest
from playwright.sync_api import expect

from accounts.models import Workspace
from billing.overview.tests.browser.conftest import Visiting


@pytest.mark.django_db(transaction=True)
def test_read_on_both_and_saved(northwind: Workspace, visit: Visiting) -> None:
    url = f"/w/{northwind.public_id}/alerts/"
    wide, phone = visit(), visit(width=390, theme="dark")
    for tab, width in ((wide, 1280), (phone, 390)):
        expect(tab.open(url).get_by_role("heading", name="What happens at which balance")).to_be_visible()
        assert (tab.violations(), tab.width()) == ([], width)
    page = wide.open(url)
    page.get_by_label("75 %").uncheck()
    page.get_by_label("Low below a balance of").fill("123")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.locator("#ladder")).to_contain_text("Below 123 credits")
