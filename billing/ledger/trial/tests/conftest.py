import pytest

from accounts.models import Workspace
from billing.ledger import hooks
from billing.ledger.trial import models
from billing.ledger.trial.check import verify_sums


@pytest.fixture(autouse=True)
def only_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the packages above do when they are told is theirs to test."""
    for name in ("credits_granted", "balance_crossed"):
        monkeypatch.setattr(hooks, name, [])
    monkeypatch.setattr(hooks, "verifiers", [verify_sums])


@pytest.fixture
def ws(db: None) -> int:
    """A workspace's id, nothing in its ledger."""
    return Workspace.objects.create(name="Northwind AI").pk


@pytest.fixture
def short_spans(monkeypatch: pytest.MonkeyPatch) -> int:
    """Sums of three transfers each, so that a short history has many of them."""
    monkeypatch.setattr(models, "SPAN", 3)
    return 3
