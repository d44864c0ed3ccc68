from collections.abc import Callable
from pathlib import Path

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger import hooks
from billing.ledger.proof.export import export
from billing.ledger.proof.tests.story import Story, tell
from billing.metering.known import forget_everything
from billing.pricing.testing import import_demo_prices


@pytest.fixture(autouse=True)
def no_remembered_ids() -> None:
    forget_everything()


@pytest.fixture
def only_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the packages above do when they are told is theirs to test."""
    for name in ("credits_granted", "balance_crossed", "verifiers"):
        monkeypatch.setattr(hooks, name, [])


@pytest.fixture
def prices(db: None) -> None:
    import_demo_prices()


@pytest.fixture
def story(workspace: Workspace, prices: None) -> Story:
    return tell(workspace)


@pytest.fixture
def proof(story: Story, workspace: Workspace) -> bytes:
    """The proof of a workspace to which everything has happened."""
    with clock.at(story.now):
        return b"".join(export(workspace))


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[bytes], Path]:
    def save(content: bytes) -> Path:
        path = tmp_path / "proof.jsonl"
        path.write_bytes(content)
        return path

    return save
