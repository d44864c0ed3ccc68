"""The page in a real Chromium: it answers at once and loads the rest; in two sizes and themes; without scripts."""

import re

from playwright.sync_api import expect

from accounts.models import Workspace
from billing.overview.tests.browser.conftest import Visit, Visiting


def test_every_state_is_clean(four_states: dict[str, Workspace], tab: Visit) -> None:
    healthy, fresh = (f"/w/{four_states[state].public_id}/what-if" for state in ("healthy", "new"))
    for path, text in (
        (healthy, "A cheaper model for simple tasks"),
        (f"{healthy}?model=openai/gpt-4o-mini&cached=50", "All text usage on openai/gpt-4o-mini with 50%"),
        (f"{healthy}?on=plan&plan=free", "beside the Pro plan you are on"),
        (f"{healthy}?model=nobody/knows", "is not in the catalogue"),
        (fresh, "No usage yet"),
        (f"{fresh}?model=openai/gpt-4o-mini", "Nothing to compare"),
        (f"{fresh}?on=plan&plan=pro", "In these days nothing was used"),
    ):
        page = tab.open(path)
        expect(page.locator("main")).to_contain_text(text)
        expect(page.locator(".waiting")).to_have_count(0)
        assert tab.wrong() == []


def test_a_comparison_is_asked_for_and_shared(four_states: dict[str, Workspace], visit: Visiting) -> None:
    page = visit().open(f"/w/{four_states['healthy'].public_id}/what-if")
    page.get_by_label("Usage of").select_option(value="openai/gpt-4o")
    page.get_by_label("On model").fill("openai/gpt-4o-mini")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="openai/gpt-4o on openai/gpt-4o-mini")).to_be_visible()
    expect(page.locator("#result .facts")).to_contain_text("94%")
    assert "model=openai%2Fgpt-4o-mini" in page.url
    page.reload()
    expect(page.locator("#result .facts")).to_contain_text("94%")


def test_a_way_leads_to_its_comparison(four_states: dict[str, Workspace], visit: Visiting) -> None:
    page = visit().open(f"/w/{four_states['healthy'].public_id}/what-if")
    row = page.locator("#ways tbody tr").filter(has_text="claude-sonnet-4-5").first
    saved = row.locator(".t-in").inner_text().split()[0]
    row.get_by_role("link", name=re.compile("Show")).click()
    expect(page.locator("#result .facts .t-in")).to_have_text(saved)


def test_another_share_is_computed_in_place(four_states: dict[str, Workspace], visit: Visiting) -> None:
    page = visit().open(f"/w/{four_states['healthy'].public_id}/what-if")
    page.get_by_label("Cached share").select_option("90")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#ways")).to_contain_text("if 90% of the larger inputs")


def test_it_works_without_scripts(four_states: dict[str, Workspace], visit: Visiting) -> None:
    page = visit(java_script_enabled=False).open(f"/w/{four_states['healthy'].public_id}/what-if")
    page.get_by_label("On model").fill("openai/gpt-4o-mini")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="All text usage on openai/gpt-4o-mini")).to_be_visible()
    expect(page.locator("#ways")).to_contain_text("A cheaper model for simple tasks")
    page.goto(page.url.replace("whole=1", ""))  # somebody's shared link
    page.get_by_role("link", name="Show the comparison").click()
    expect(page.get_by_role("heading", name="All text usage on openai/gpt-4o-mini")).to_be_visible()
