"""A plan in a real browser: paid by the year, credits that come by the month, an upgrade, cancelled and resumed."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Workspace
from billing.overview.tests.browser.conftest import Visit, Visiting
from billing.plans.models import SubscriptionChange
from billing.plans.subscribing.change import change_look
from billing.plans.subscribing.tests.conftest import Till
from billing.plans.subscribing.tests.test_newer_version import newer

pytestmark = pytest.mark.django_db(transaction=True)


def open_plan(tab: Visit, workspace: Workspace, path: str = "plan") -> Page:
    page = tab.open(f"/w/{workspace.public_id}/{path}")
    assert tab.violations() == []
    return page


def grants(tab: Visit, workspace: Workspace) -> int:
    page = tab.open(f"/w/{workspace.public_id}/credits")
    return page.locator(".lots > .lot").filter(has_text="Team plan, ").count()


def test_a_year_month_by_month_then_more_then_cancelled_and_resumed(
    visit: Visiting, till: Till, workspace: Workspace
) -> None:
    tab = visit()
    page = open_plan(tab, workspace)
    page.get_by_role("link", name="Choose a plan").click()
    page.get_by_role("link", name="Yearly").click()
    assert tab.violations() == []
    page.get_by_role("button", name="See what changes with Team").click()
    expect(page.get_by_text("$500.00 is charged now")).to_be_visible()
    assert tab.violations() == []
    page.get_by_role("button", name="Continue to payment").click()
    page.get_by_label("Test card").select_option("4242424242424242")
    page.get_by_role("button", name=re.compile("^Pay|^Subscribe|^Start")).click()
    expect(page.get_by_role("heading", name="It is being done")).to_be_visible()
    with till.time():
        change_look(SubscriptionChange.objects.get())
    expect(page.get_by_role("heading", name="Done", exact=True)).to_be_visible(timeout=20_000)
    assert grants(tab, workspace) == 1
    for months in (2, 3):
        till.advance(days=31)
        till.look()
        assert grants(tab, workspace) == months
    assert till.charged() == 50_000

    page = open_plan(tab, workspace, "plan/choose")
    page.locator("#tier-team").select_option("1")
    page.get_by_role("button", name="See what changes with Team").click()
    assert tab.violations() == []
    pay = page.get_by_role("button", name=re.compile("^Confirm and pay"))
    shown = SubscriptionChange.objects.get(status="shown")
    pay.dblclick()
    expect(page.get_by_role("heading", name="Done", exact=True)).to_be_visible(timeout=20_000)
    assert till.charged() == 50_000 + shown.amount_due
    assert grants(tab, workspace) == 4  # with those for the rest of the period

    page = open_plan(tab, workspace)
    expect(page.get_by_role("heading", name="Team plan, tier 1, yearly")).to_be_visible()
    page.get_by_role("button", name="Cancel the plan").click()
    page.get_by_role("button", name="Cancel the plan").click()
    page = open_plan(tab, workspace)
    expect(page.get_by_text(re.compile("The plan ends on"))).to_be_visible()
    page.get_by_role("button", name="Resume the plan").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Done", exact=True)).to_be_visible()
    assert till.row.ends_at is None
    newer("team", 5_500, 4_500, tiers=((9_000, 9_900),), by_year=True)
    page = open_plan(tab, workspace)
    page.get_by_role("button", name="See what changes with the newest version").click()
    expect(page.get_by_text("$90.00 more than yours")).to_be_visible()
    assert tab.violations() == []
