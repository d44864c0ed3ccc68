"""Pages that change while they are open, and pages without JavaScript."""

import re
from decimal import Decimal

from playwright.sync_api import Page, Request, expect

from accounts.models import Workspace
from billing.credits.units import NANO
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust, credits_grant
from billing.metering.events import EventInput, Source
from billing.metering.record import usage_record
from billing.overview.tests.browser.conftest import Visiting


def use(workspace: Workspace, event_id: str, tokens: int) -> None:
    event = EventInput(event_id, "openai/gpt-4o-mini", {"input_tokens": Decimal(tokens)})
    usage_record(workspace_id=workspace.pk, source=Source("service"), event=event)


def polls(page: Page) -> list[Request]:
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request) if "/live?" in request.url else None)
    return seen


def ask(page: Page) -> None:
    """What a tab does when it comes back, to spare the test some polls."""
    page.evaluate("htmx.trigger(document.body, 'balance:refresh')")


def hide(page: Page, hidden: bool) -> None:
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});"
        " document.dispatchEvent(new Event('visibilitychange')) }",
        hidden,
    )


def test_usage_changes_the_open_page_through_every_state_and_back(
    four_states: dict[str, Workspace], visit: Visiting
) -> None:
    workspace = four_states["healthy"]
    page = visit().open(f"/w/{workspace.public_id}/")
    expect(page.locator("#balance-pill")).to_have_attribute("data-state", "healthy")
    before = page.inner_text("#balance .big")
    page.locator("#balance-ledger").focus()

    use(workspace, "live-1", 10_000_000)  # 300 credits
    expect(page.locator("#balance .big")).not_to_have_text(before)
    assert page.inner_text("#balance-pill .num") in page.inner_text("#balance .big").replace("\n", "")
    assert page.evaluate("document.activeElement.id") == "balance-ledger"  # nobody loses their place

    available = balance(workspace.pk).available
    credits_adjust(workspace_id=workspace.pk, key="l", amount=100 * NANO - available, reason="test", actor="operator")
    ask(page)
    expect(page.get_by_role("status", name="Low balance")).to_contain_text("is running low")

    use(workspace, "live-2", 4_000_000)  # 120 credits: 20 more than there are
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text("Requests are paused")
    expect(page.get_by_role("alert")).to_contain_text("20")

    credits_grant(workspace_id=workspace.pk, key="again", amount=9_000 * NANO, label="Back again")
    ask(page)
    expect(page.locator("#billing-banner section")).to_have_count(0)
    expect(page.locator("#balance .big")).to_contain_text("8,980")
    expect(page.locator("#lots")).to_contain_text("Back again")


def test_the_balance_in_the_top_bar_is_live_on_every_page(four_states: dict[str, Workspace], visit: Visiting) -> None:
    workspace = four_states["new"]
    page = visit().open(f"/w/{workspace.public_id}/team")
    credits_grant(workspace_id=workspace.pk, key="first", amount=77 * NANO, label="First")
    expect(page.locator("#balance-pill")).to_contain_text("77")


def test_a_hidden_tab_does_not_poll_and_asks_at_once_when_it_is_back(
    four_states: dict[str, Workspace], visit: Visiting
) -> None:
    page = visit().open(f"/w/{four_states['healthy'].public_id}/")
    seen = polls(page)
    hide(page, True)
    page.wait_for_timeout(6_000)
    assert seen == []
    with page.expect_response(lambda response: "/live?" in response.url, timeout=4_000) as answered:
        hide(page, False)
    assert answered.value.status == 204  # nothing had changed


def test_live_search_and_switches(four_states: dict[str, Workspace], visit: Visiting) -> None:
    workspace = four_states["healthy"]
    page = visit().open(f"/w/{workspace.public_id}/")
    page.get_by_role("searchbox").fill("sonnet")
    expect(page.locator("#model-rows tr")).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_text("No model matches")).to_be_visible()
    page.locator("#range-7").click()
    expect(page.locator("#usage .col")).to_have_count(7)
    assert page.url.endswith("?range=7")

    page.goto(page.url.split("?")[0] + "models")
    search = page.get_by_role("searchbox")
    search.fill("gpt")
    expect(page.locator("#price-table")).not_to_contain_text("Claude")
    expect(search).to_be_focused()
    assert "q=gpt" in page.url
    page.locator("#in-usd").click()
    expect(page.locator("#price-table")).to_contain_text("$")
    assert "q=gpt" in page.url
    page.reload()
    expect(page.locator("#in-usd")).to_have_attribute("aria-current", "true")


def test_the_chart_is_walked_with_the_arrow_keys(four_states: dict[str, Workspace], visit: Visiting) -> None:
    page = visit().open(f"/w/{four_states['healthy'].public_id}/")
    page.locator("#usage .col").last.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#usage .col:focus .tip")).to_have_css("opacity", "1")
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement === document.querySelector('#usage .col')")
    page.get_by_text("View as table").click()
    expect(page.get_by_role("table").first).to_contain_text("Total")


def test_the_theme_is_kept(four_states: dict[str, Workspace], visit: Visiting) -> None:
    page = visit().open(f"/w/{four_states['healthy'].public_id}/")
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_everything_works_without_javascript(four_states: dict[str, Workspace], visit: Visiting) -> None:
    workspace = four_states["healthy"]
    page = visit(java_script_enabled=False).open(f"/w/{workspace.public_id}/")
    expect(page.locator("#balance .live")).to_be_hidden()  # it does not claim to be live
    page.get_by_role("link", name="7 days").click()
    expect(page.locator("#usage .col")).to_have_count(7)
    page.get_by_role("searchbox").fill("sonnet")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#model-rows tr")).to_have_count(1)
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")

    page.get_by_role("link", name="Usage", exact=True).click()
    page.get_by_role("link", name="Task", exact=True).click()
    expect(page.get_by_role("heading", name="Spend by task")).to_be_visible()
    page.get_by_role("link", name="Activity", exact=True).click()
    page.get_by_role("link", name="Credits in").click()
    page.get_by_role("link", name=re.compile("Launch credits")).click()
    expect(page.get_by_role("heading", name="Promotional credits")).to_be_visible()
    page.get_by_role("link", name="Add credits").first.click()
    expect(page.get_by_role("heading", name="Buy credits")).to_be_visible()
