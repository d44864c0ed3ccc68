"""The page of resources and the banner: clean for axe, on a phone as well, in both themes."""

from decimal import Decimal

import pytest

from accounts.models import Workspace
from billing.overview.tests.browser.conftest import Visiting
from billing.plans.resources.services import Wanted, resource_put
from billing.pricing.testing import import_demo_prices


@pytest.mark.django_db(transaction=True)
def test_empty_and_about_to_be_shut_down(workspace: Workspace, visit: Visiting) -> None:
    import_demo_prices()
    url = f"/w/{workspace.public_id}/resources"
    wide, phone = visit(), visit(width=390, theme="dark")
    for tab in (wide, phone):
        assert tab.open(url).get_by_text("Nothing runs").is_visible()
        assert tab.violations() == []
    for kind, name in (
        ("container", "Web server in the very first region of all"),
        ("storage", ""),
        ("deployment", ""),
    ):
        wanted = Wanted(kind, Decimal("2.5"), name, "production")
        resource_put(workspace=workspace, external_id=f"{kind}-1", wanted=wanted)
    for tab, width in ((wide, 1280), (phone, 390)):
        page = tab.open(url)
        assert page.get_by_text("will be shut down on").is_visible()
        assert page.get_by_role("row").count() == 4
        assert (tab.violations(), tab.width()) == ([], width)
