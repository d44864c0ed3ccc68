"""The bell, the list and the banners: clean for axe, on a phone as well, in both themes; and live."""

import pytest
from playwright.sync_api import expect

from accounts.models import Workspace
from billing.alerts.notices.models import Notice
from billing.alerts.notices.tests.conftest import Told
from billing.alerts.webhooks.models import WebhookEndpoint
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.services import credits_grant, low_bound_set
from billing.overview.tests.browser.conftest import Visiting


@pytest.mark.django_db(transaction=True)
def test_bell_list_and_banners(workspace: Workspace, visit: Visiting, told: Told) -> None:
    url = f"/w/{workspace.public_id}/notices/"
    credits_grant(workspace_id=workspace.pk, key="opening", amount=150 * NANO, label="Opening credits")
    low_bound_set(workspace_id=workspace.pk, bound=200 * NANO)
    Notice.objects.all().delete()  # that the balance is low was told
    WebhookEndpoint.objects.create(
        workspace=workspace, url="https://example.com/a/rather/long/path/that/does/not/fit/on/a/phone/at/all",
        event_types=["balance.low"], secret="x", off="failing", off_at=clock.now(),
    )  # fmt: skip
    wide, phone = visit(), visit(width=390, theme="dark")
    for tab, width in ((wide, 1280), (phone, 390)):
        page = tab.open(url)
        assert page.get_by_text("No notices").is_visible()
        assert page.locator(".banner").count() == 2
        assert (tab.violations(), tab.width()) == ([], width)
    page = wide.page
    for number in range(3):
        told(key=f"k{number}", subject=f"News {number} of a workspace whose name is long, with-a-word-" + "x" * 60)
    expect(page.locator(".bell__count")).to_have_text("3")  # by the poll, without loading it again
    for tab, width in ((wide, 1280), (phone, 390)):
        page = tab.open(url)
        assert page.get_by_role("link", name="Notices: 3 unread").is_visible()
        assert (tab.violations(), tab.width()) == ([], width)
    wide.page.get_by_role("button", name="Mark all as read").click()
    assert wide.page.locator(".bell__count").count() == 0
