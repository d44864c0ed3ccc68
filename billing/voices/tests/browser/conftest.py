"""The same Chromium as for the billing pages."""

import pytest

from accounts.models import Workspace
from billing.credits.units import NANO
from billing.ledger.services import credits_grant
from billing.overview.tests.browser.conftest import browser, tab, visit

__all__ = ["browser", "tab", "visit"]


@pytest.fixture
def rich(transactional_db: None, workspace: Workspace) -> Workspace:
    credits_grant(workspace_id=workspace.pk, key="start", amount=100_000 * NANO, label="Start", source="bought")
    return workspace
