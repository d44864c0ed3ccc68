import pytest

from accounts.models import Workspace


@pytest.fixture
def ws(db: None) -> int:
    """A workspace's id, nothing in its ledger."""
    return Workspace.objects.create(name="Northwind AI").pk
