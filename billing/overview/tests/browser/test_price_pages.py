"""Models & pricing in a browser: searched, filtered, compared; one model; without an account; without JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Workspace
from billing.overview.tests import scenarios
from billing.overview.tests.browser.conftest import Visiting

ROW = "#price-table tbody tr"


def table(page: Page) -> list[str]:
    names: list[str] = page.locator(f"{ROW} th b").all_inner_texts()
    return names


def test_the_list_answers_while_one_types_and_chooses(four_states: dict[str, Workspace], visit: Visiting) -> None:
    tab = visit()
    page = tab.open(f"/w/{four_states['healthy'].public_id}/models")
    page.get_by_label("Search models").fill("GPT 4o")
    expect(page.locator(ROW)).to_have_count(2)
    tab.settle()
    page.get_by_label("Search models").fill("")
    expect(page.locator(ROW)).to_have_count(9)
    tab.settle()
    page.get_by_label("Type").focus()
    page.get_by_label("Type").select_option("text")
    expect(page.locator(ROW)).to_have_count(3)
    expect(page.locator("#price-type")).to_be_focused()
    tab.settle()
    page.get_by_label("Sort by").select_option("price")
    expect(page.locator(f"{ROW} th b").first).to_have_text("gpt 4o mini")
    tab.settle()
    page.get_by_label("Sort by").select_option("-price")
    expect(page.locator(f"{ROW} th b").first).to_have_text("Claude Sonnet 4.5")
    tab.settle()
    page.locator("#in-usd").click()
    expect(page.locator(".bounds__unit")).to_have_text("USD / 1K tokens")
    tab.settle()
    page.get_by_label("up to").fill("0.0025")
    page.get_by_label("up to").blur()  # Enter would ask twice, the first question being withdrawn
    expect(page.locator(ROW)).to_have_count(2)
    page.locator("#per-1m").click()
    expect(page.get_by_label("up to")).to_have_value("2.5")
    assert len(table(page)) == 2
    assert "sort=-price" in page.url
    page.reload()
    assert table(page) == ["gpt 4o", "gpt 4o mini"]
    page.get_by_label("Free only").check()
    expect(page.get_by_text("No model that matches is free")).to_be_visible()
    page.get_by_role("link", name="Show all models").click()
    expect(page.locator(ROW)).to_have_count(9)


def test_your_own_month_sorts_the_list(four_states: dict[str, Workspace], visit: Visiting) -> None:
    page = visit().open(f"/w/{four_states['healthy'].public_id}/models?modality=text")
    page.get_by_label("Sort by").select_option("cost")
    expect(page.locator(f"{ROW} th b").first).to_have_text("gpt 4o mini")
    expect(page.locator("th[aria-sort]")).to_have_text("Your month")
    expect(page.locator(".works")).to_contain_text("input tokens")


def test_models_are_chosen_and_compared(four_states: dict[str, Workspace], visit: Visiting) -> None:
    tab = visit()
    page = tab.open(f"/w/{four_states['healthy'].public_id}/models")
    page.get_by_label("Compare gpt 4o of openai").check()
    expect(page.get_by_role("link", name="Compare 1 model")).to_be_visible()
    page.get_by_label("Search models").fill("claude")
    expect(page.locator(ROW)).to_have_count(1)
    page.get_by_label("Compare Claude Sonnet 4.5 of anthropic").check()
    page.get_by_role("link", name="Compare 2 models").click()
    expect(page.locator("thead th a:not(.link)")).to_have_text(["gpt 4o", "Claude Sonnet 4.5"])
    expect(page.get_by_text("Lowest").first).to_be_visible()
    page.get_by_label("Search a model to add").fill("mini")
    page.get_by_role("link", name="Add gpt 4o mini of openai").click()
    expect(page.locator("thead th a:not(.link)")).to_have_count(3)
    address = page.url
    page.get_by_role("link", name="Remove Claude Sonnet 4.5 of anthropic").click()
    expect(page.locator("thead th a:not(.link)")).to_have_text(["gpt 4o", "gpt 4o mini"])
    page.goto(address)
    expect(page.locator("thead th a:not(.link)")).to_have_count(3)
    page.get_by_role("link", name="Only what differs").click()
    expect(page.get_by_role("link", name="Show every price")).to_be_visible()
    assert tab.violations() == []


def test_a_models_page_has_its_history_and_an_example_to_copy(
    four_states: dict[str, Workspace], visit: Visiting
) -> None:
    scenarios.repriced()
    tab = visit(permissions=["clipboard-read", "clipboard-write"])
    page = tab.open(f"/w/{four_states['healthy'].public_id}/models?q=claude")
    page.get_by_role("link", name="Claude Sonnet 4.5", exact=True).click()
    expect(page.locator("h1")).to_contain_text("Claude Sonnet 4.5")
    expect(page.get_by_text("Prices will change")).to_be_visible()
    assert page.locator(".steps circle").count() == 4 * 3  # the plain token prices, at each of three changes
    box = page.locator(".steps__plot").bounding_box()
    assert box
    assert box["height"] > 100
    page.get_by_role("button", name="Copy the example").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl ")
    assert '"model": "anthropic/claude-sonnet-4-5"' in copied
    page.locator("#in-usd").click()
    expect(page.locator("#in-usd")).to_have_attribute("aria-current", "true")


@pytest.mark.parametrize("script", [True, False])
def test_everybody_can_look_prices_up(four_states: dict[str, Workspace], visit: Visiting, script: bool) -> None:
    tab = visit(width=390, theme="dark", java_script_enabled=script)
    tab.page.context.clear_cookies()
    page = tab.open("/accounts/login/")
    page.get_by_role("link", name="Models & pricing").click()
    page.wait_for_url("**/pricing")
    page.wait_for_load_state()  # what is typed before the script has begun is not seen
    page.get_by_label("Search models").fill("nova")
    if not script:
        page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(ROW)).to_have_count(1)
    page.get_by_role("link", name="nova-3", exact=True).click()
    expect(page.locator("h1")).to_have_text("nova-3")
    page.get_by_role("link", name="Compare", exact=True).click()
    expect(page.locator("thead th a:not(.link)")).to_have_text(["nova-3"])
    page.get_by_role("link", name="Create an account").first.click()
    page.wait_for_url("**/accounts/signup/")


def test_a_theme_that_was_chosen_holds_on_pages_that_caches_keep(
    four_states: dict[str, Workspace], visit: Visiting
) -> None:
    tab = visit()
    tab.page.context.add_cookies([{"name": "theme", "value": "dark", "url": tab.base}])
    page = tab.open("/pricing")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Light theme").click()
    page.goto(tab.base + "/estimate")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_the_price_list_works_without_javascript(four_states: dict[str, Workspace], visit: Visiting) -> None:
    page = visit(java_script_enabled=False).open(f"/w/{four_states['healthy'].public_id}/models")
    page.get_by_label("Compare gpt 4o of openai").check()
    page.get_by_label("Type").select_option("text")
    page.get_by_label("Sort by").select_option("price")
    page.get_by_label("up to").fill("1")
    page.get_by_role("button", name="Search", exact=True).click()
    assert table(page) == ["gpt 4o mini", "gpt 4o", "Claude Sonnet 4.5"]
    expect(page.get_by_label("Compare gpt 4o of openai")).to_be_checked()
    page.get_by_label("Compare gpt 4o mini of openai").check()
    page.get_by_role("button", name="Compare chosen").click()
    expect(page.locator("thead th a:not(.link)")).to_have_text(["gpt 4o mini", "gpt 4o"])
    page.get_by_label("Search a model to add").fill("claude")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Add Claude Sonnet 4.5 of anthropic").click()
    expect(page.locator("thead th a:not(.link)")).to_have_count(3)
    page.get_by_role("link", name="Claude Sonnet 4.5", exact=True).click()
    expect(page.locator("h1")).to_contain_text("Claude Sonnet 4.5")
