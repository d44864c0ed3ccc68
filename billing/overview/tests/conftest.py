import pytest

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.overview.tests import scenarios
from billing.pricing.testing import import_demo_prices


@pytest.fixture
def prices(db: None) -> None:
    import_demo_prices()


@pytest.fixture
def northwind(prices: None, alice: User, bob: User) -> Workspace:
    """Healthy, with three days of usage; alice owns it, bob is a viewer."""
    workspace = scenarios.healthy(alice, days=3)
    Membership.objects.create(workspace=workspace, user=bob, role=Role.VIEWER)
    return workspace


@pytest.fixture
def stopped(prices: None, alice: User) -> Workspace:
    return scenarios.stopped(alice)


@pytest.fixture
def fresh(prices: None, alice: User) -> Workspace:
    return scenarios.new(alice)
