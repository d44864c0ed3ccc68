import pytest

from accounts.models import Workspace
from billing.ledger import hooks

pytest.register_assert_rewrite("billing.ledger.tests.sidebyside", "billing.ledger.tests.machine")


@pytest.fixture(autouse=True)
def only_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the packages above do when they are told is theirs to test."""
    for name in ("credits_granted", "balance_crossed", "topup_bound_crossed", "alert_bound_crossed", "verifiers"):
        monkeypatch.setattr(hooks, name, [])


@pytest.fixture
def ws(db: None) -> int:
    """A workspace's id, nothing in its ledger."""
    return Workspace.objects.create(name="Northwind AI").pk
