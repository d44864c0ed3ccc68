"""Automatic top-ups in a real browser: agreed to without JavaScript, charged, and shown, for everybody to use."""

import re

import pytest
from playwright.sync_api import expect

from accounts.models import Workspace
from billing.credits.units import NANO
from billing.foundation.due.registry import run_due
from billing.ledger.services import credits_grant
from billing.overview.tests.browser.conftest import Visiting
from billing.packs.autotopup.hints import JOB
from billing.packs.tests.conftest import spend
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("width", "javascript"), [(1280, True), (390, False)])
def test_agreed_to_charged_and_switched_off(
    visit: Visiting, shop: SimulatedStripe, workspace: Workspace, width: int, javascript: bool
) -> None:
    credits_grant(workspace_id=workspace.pk, key="opening", amount=150 * NANO, label="Opening credits")
    tab = visit(width, java_script_enabled=javascript)
    page = tab.open(f"/w/{workspace.public_id}/payment-methods")
    page.get_by_role("button", name="Add a card").click()
    page.get_by_label("Test card").select_option("4242424242424242")
    page.get_by_role("button", name="Save card").click()
    expect(page.get_by_text("The card is saved.")).to_be_visible()
    url = f"/w/{workspace.public_id}/auto-top-up"
    tab.open(url)
    if javascript:
        assert tab.wrong() == []
    page.get_by_label("At most a month").fill("80")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text(re.compile(r"\$80\.00 a calendar month"))).to_be_visible()
    if javascript:
        assert tab.wrong() == []
    page.get_by_label("I agree to this").check()
    page.get_by_role("button", name="Agree and switch on").click()
    expect(page.get_by_text("Automatic top-ups are on.")).to_be_visible()
    spend(workspace, 60)
    (run,) = run_due(only=JOB)
    assert run.error == ""
    tab.open(url)
    expect(page.get_by_text("The balance was 90 credits, below 100 credits").first).to_be_visible()
    expect(page.get_by_text("$10.00 of $80.00 this month")).to_be_visible()
    if javascript:
        assert tab.wrong() == []
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("Nothing more is charged automatically.")).to_be_visible()
