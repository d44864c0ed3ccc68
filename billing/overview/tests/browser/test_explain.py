"""From any number to the lots, takes, price and request behind it, and back, without a script or a mouse."""

import re

from playwright.sync_api import Page, expect

from accounts.models import Workspace
from billing.credits.units import NANO
from billing.ledger.hold_services import hold_release
from billing.ledger.models import Hold
from billing.overview.tests import scenarios
from billing.overview.tests.browser.conftest import Visiting
from billing.overview.tests.holding import place


def follow(page: Page, name: str | re.Pattern[str], heading: str | re.Pattern[str]) -> None:
    """Open the first link of that name by keyboard; `heading` is what the next page is called."""
    page.locator("main").get_by_role("link", name=name).first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()


def test_a_charge_is_explained_down_to_the_lot_and_back(four_states: dict[str, Workspace], visit: Visiting) -> None:
    workspace = four_states["healthy"]
    page = visit(java_script_enabled=False).open(f"/w/{workspace.public_id}/activity?show=usage")
    follow(page, re.compile("requests?"), re.compile(r"\d\d:00 to \d\d:00"))
    follow(page, re.compile(r"^\w+_\d{4}_"), "Receipt")
    expect(page.get_by_text(re.compile(r"× \$[\d.]+ ÷ 1,000,000")).first).to_be_visible()
    receipt = page.url
    follow(page, re.compile("^(Launch credits|Top-up, first)$"), re.compile("Launch credits|Top-up, first"))
    follow(page, re.compile(r"^\d{1,2} \w{3} \d{4}$"), re.compile(r"^\w+day \d"))
    follow(page, "Usage", "Usage")
    expect(page.get_by_role("heading", name="Taken from")).to_be_visible()
    follow(page, re.compile(r"^\w+_\d{4}_"), "Receipt")
    page.goto(receipt)
    follow(page, re.compile(r"\d\d:00"), re.compile(r"\d\d:00 to \d\d:00"))


def test_a_hold_leads_to_its_request_its_entries_and_its_lots(
    four_states: dict[str, Workspace], visit: Visiting
) -> None:
    workspace = four_states["healthy"]
    scenarios.busy(workspace)
    page = visit(java_script_enabled=False).open(f"/w/{workspace.public_id}/credits")
    follow(page, "All holds", "Holds")
    follow(page, "Settled", "Holds")
    follow(page, "gpt-4o, chat", re.compile("gpt-4o, chat"))
    follow(page, "held", "Receipt")
    follow(page, re.compile(r"^[\d.,]+$"), re.compile("gpt-4o, chat"))  # what was set aside for it
    follow(page, re.compile("^entry"), "Put on hold")
    follow(page, "gpt-4o, chat", re.compile("gpt-4o, chat"))


def test_what_is_on_hold_is_live_and_keeps_the_focus(four_states: dict[str, Workspace], visit: Visiting) -> None:
    workspace = four_states["healthy"]
    page = visit().open(f"/w/{workspace.public_id}/credits")
    expect(page.locator("#on-hold")).to_contain_text("Nothing is on hold")
    page.locator("#on-hold-all").focus()
    pk = place(workspace, 40 * NANO)
    expect(page.locator("#on-hold")).to_contain_text("gpt-4o-mini, chat")
    expect(page.locator("#usable")).to_contain_text("40 on hold")
    assert page.evaluate("document.activeElement.id") == "on-hold-all"
    hold_release(workspace_id=workspace.pk, hold_id=pk, origin="service")
    page.evaluate("htmx.trigger(document.body, 'balance:refresh')")
    expect(page.locator("#on-hold")).to_contain_text("Nothing is on hold")
    assert not Hold.objects.filter(open_until__isnull=False).exists()
