"""The same Chromium as for the billing pages, and a till whose stand-in is two months behind: as it catches up, months
go by; another one keeps the present time.
"""

from typing import Any

import pytest

from accounts.models import User, Workspace
from billing.overview.tests.browser.conftest import browser, tab, visit
from billing.plans.services import plan_start
from billing.plans.subscribing.tests.conftest import Till, plans
from portal.testing.simulated import SimulatedStripe

__all__ = ["browser", "plans", "tab", "visit"]
DAYS_BEHIND = 62


@pytest.fixture
def till(
    simulated_file: SimulatedStripe, live_server: Any, settings: Any, plans: None, workspace: Workspace, alice: User
) -> Till:
    till = _till(simulated_file, live_server, settings, workspace, alice, days_behind=DAYS_BEHIND)
    with till.time():
        plan_start(workspace=workspace)
    return till


@pytest.fixture
def present_till(
    simulated_file: SimulatedStripe, live_server: Any, settings: Any, plans: None, workspace: Workspace, alice: User
) -> Till:
    plan_start(workspace=workspace)
    return _till(simulated_file, live_server, settings, workspace, alice, days_behind=0)


def _till(
    simulated: SimulatedStripe, live_server: Any, settings: Any, workspace: Workspace, alice: User, *, days_behind: int
) -> Till:
    settings.SITE_URL = live_server.url
    world = simulated.server.world
    world.pages = f"{live_server.url}/simulated-stripe"
    till = Till(simulated, workspace, alice)
    with world.store.transaction():
        world.setting("clock")["ahead"] = -days_behind * 86_400
    return till
