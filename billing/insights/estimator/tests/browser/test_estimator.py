"""The estimator in a real browser: live, without JavaScript, on a phone, in both themes."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User, Workspace
from billing.overview.tests.browser.conftest import Visit, Visiting
from billing.plans.services import workspace_open
from billing.pricing.testing import import_demo_prices

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def northwind(transactional_db: None, alice: User) -> Workspace:
    import_demo_prices()
    return workspace_open(name="Northwind AI", owner=alice)


def total(page: Page, text: str) -> None:
    expect(page.locator("#estimate-total")).to_have_text(text)


def test_the_result_follows_what_is_typed_and_so_does_the_address(northwind: Workspace, visit: Visiting) -> None:
    page = visit().open("/estimate")
    total(page, "5,390 credits · $26.95")
    turns = page.get_by_label("Turns per conversation")
    turns.fill("10")
    total(page, "10,780 credits · $53.90")
    assert page.url.endswith("/estimate?turns=10")
    expect(turns).to_be_focused()
    page.get_by_label("Calls per month").press_sequentially("1", delay=20)  # 0 → 01 is one
    expect(page.locator("#part-call")).to_be_visible()
    page.reload()
    expect(turns).to_have_value("10")
    expect(page.locator("#part-call")).to_be_visible()


def test_a_wrong_number_is_told_beside_its_field_and_stays(northwind: Workspace, visit: Visiting) -> None:
    page = visit().open("/estimate")
    turns = page.get_by_label("Turns per conversation")
    turns.fill("many")
    expect(page.locator("#turns-error")).to_have_text("Enter a whole number from 1 to 200.")
    expect(page.get_by_role("status")).to_have_text("Some fields need another look.")
    expect(turns).to_have_value("many")
    turns.fill("5")
    expect(page.locator("#turns-error")).to_be_empty()
    total(page, "5,390 credits · $26.95")


def test_models_are_found_while_one_types(northwind: Workspace, visit: Visiting) -> None:
    page = visit().open("/estimate")
    model = page.locator("#model")
    model.fill("")
    model.press_sequentially("sonnet", delay=20)
    expect(page.locator("#model-list option")).to_have_count(1)
    expect(page.locator("#model-error")).to_contain_text("Try anthropic/claude-sonnet-4-5")
    page.locator("#model-error a").first.click()
    expect(page.locator("#model")).to_have_value("anthropic/claude-sonnet-4-5")
    expect(page.locator("#part-chat")).to_be_visible()


@pytest.mark.parametrize("path", ["/estimate", "/w/{id}/estimate"])
def test_without_javascript_a_button_does_it(northwind: Workspace, visit: Visiting, path: str) -> None:
    path = path.format(id=northwind.public_id)
    page = visit(java_script_enabled=False).open(path)
    page.get_by_label("Calls per month").fill("1,000")
    page.get_by_text("Quantities of other meters").click()
    page.get_by_label("Container days").fill("30")
    page.get_by_role("button", name="Estimate").click()
    assert page.url.endswith(f"{path}?calls=1000&m.container_days=30")
    expect(page.locator("#part-call")).to_be_visible()
    expect(page.locator("#part-extras")).to_be_visible()
    page.locator("#model").fill("gpt-4o-mni")
    page.get_by_role("button", name="Estimate").click()
    expect(page.locator("#model-error")).to_contain_text("No model is called “gpt-4o-mni”.")
    expect(page.locator("#model")).to_have_value("gpt-4o-mni")
    page.locator("#model-error a").first.click()
    assert page.url.endswith(f"{path}?calls=1000&m.container_days=30")


def test_everybody_can_use_it_at_any_size(northwind: Workspace, tab: Visit) -> None:
    full = "calls=500&cached=10&call_cached=10&m.container_days=30&at_once=2"
    for path in (f"/estimate?{full}", f"/w/{northwind.public_id}/estimate?{full}", "/estimate?turns=no&model=gpt4"):
        tab.open(path)
        assert tab.wrong() == []


def test_the_sum_stays_in_sight_on_a_phone(northwind: Workspace, visit: Visiting) -> None:
    page = visit(width=390).open("/estimate")
    expect(page.get_by_role("status")).to_be_in_viewport()
    page.get_by_label("Turns per conversation").fill("10")
    expect(page.get_by_role("status")).to_contain_text("10,780 credits")


def test_the_menu_leads_to_it(northwind: Workspace, visit: Visiting) -> None:
    page = visit().open(f"/w/{northwind.public_id}/models")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Estimate").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Estimate")
