import pytest

from accounts.models import Workspace
from billing.ledger import hooks
from billing.ledger.worth import sums
from billing.ledger.worth.check import verify_days


@pytest.fixture(autouse=True)
def only_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the packages above do when they are told is theirs to test."""
    for name in ("credits_granted", "balance_crossed"):
        monkeypatch.setattr(hooks, name, [])
    monkeypatch.setattr(hooks, "verifiers", [verify_days])


@pytest.fixture
def ws(db: None) -> int:
    """A workspace's id, nothing in its ledger."""
    return Workspace.objects.create(name="Northwind AI").pk


@pytest.fixture
def short_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three transfers at once, so that a short history takes many steps."""
    monkeypatch.setattr(sums, "PORTION", 3)
    monkeypatch.setattr("billing.ledger.worth.check.PORTION", 3)
