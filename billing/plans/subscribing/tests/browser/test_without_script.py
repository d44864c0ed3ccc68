"""The whole way of a plan without JavaScript: chosen, paid, changed, added to, cancelled and resumed."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Workspace
from billing.foundation.due.registry import run_due
from billing.overview.tests.browser.conftest import Visiting
from billing.plans.models import WorkspaceAddOn
from billing.plans.subscribing.notices import JOB
from billing.plans.subscribing.tests.conftest import Till

pytestmark = pytest.mark.django_db(transaction=True)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=re.compile(f"^{name}")).click()


def done(page: Page) -> None:
    expect(page.get_by_role("heading", name="Done", exact=True)).to_be_visible()
    page.get_by_role("link", name="See your plan").click()


def plan_is(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def test_from_the_first_choice_to_a_resumed_plan(visit: Visiting, present_till: Till, workspace: Workspace) -> None:
    page = visit(java_script_enabled=False).open(f"/w/{workspace.public_id}/plan")
    page.get_by_role("link", name="Choose a plan").click()
    press(page, "See what changes with Team")
    expect(page.get_by_text("$50.00 is charged now")).to_be_visible()
    press(page, "Continue to payment")
    page.get_by_label("Test card").select_option("4242424242424242")
    press(page, "Subscribe")
    plan_is(page, "It is being done")
    assert page.locator("meta[http-equiv=refresh]").count() == 1  # it looks again by itself
    (run,) = run_due(only=JOB)
    assert run.error == ""
    page.get_by_role("link", name="Look again").click()
    done(page)
    plan_is(page, "Team plan, monthly")
    expect(page.locator(".pill")).to_contain_text("4,000")

    page.get_by_role("link", name="Change plan").click()
    page.locator("#tier-team").select_option("1")
    press(page, "See what changes with Team")
    expect(page.get_by_text("are added now, usable until")).to_be_visible()
    press(page, "Confirm and pay")
    done(page)
    plan_is(page, "Team plan, tier 1, monthly")

    page.get_by_role("link", name="Add-ons").click()
    page.get_by_role("link", name="Add Concurrency").click()
    page.get_by_label("How many").fill("2")
    press(page, "Show what that costs")
    expect(page.get_by_role("definition").filter(has_text="$5.00").first).to_be_visible()
    press(page, "Add it")
    expect(page.get_by_text("Concurrency: 2 from now on.")).to_be_visible()
    assert WorkspaceAddOn.objects.get(workspace=workspace).quantity == 2

    page.get_by_role("main").get_by_role("link", name="Plan", exact=True).click()
    press(page, "Cancel the plan")
    press(page, "Cancel the plan")
    done(page)
    expect(page.get_by_text(re.compile("^The plan ends on"))).to_be_visible()
    press(page, "Resume the plan")
    press(page, "Confirm")
    done(page)
    plan_is(page, "Team plan, tier 1, monthly")
    assert present_till.row.ends_at is None
    present_till.sound()
