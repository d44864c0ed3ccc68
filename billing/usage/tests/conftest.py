from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.cache import clear_all
from billing.ledger import roundtrip
from billing.ledger.services import credits_grant
from billing.metering.events import EventInput, Source
from billing.metering.record import usage_record
from billing.pricing.testing import import_demo_prices

MINI = "openai/gpt-4o-mini"
NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


@pytest.fixture
def shop(db: None) -> Iterator[None]:
    import_demo_prices()
    clear_all()
    with clock.at(NOW):
        yield


@pytest.fixture
def funded(workspace: Workspace, shop: None) -> Workspace:
    """Northwind AI with 100 credits."""
    credits_grant(workspace_id=workspace.pk, key="start", amount=100 * NANO, label="Start")
    return workspace


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The statements of each round trip of the ledger's."""
    made: list[list[str]] = []
    run = roundtrip.run

    def kept(raw: Any, statements: Any) -> Any:
        made.append([sql for sql, _ in statements])
        return run(raw, statements)

    monkeypatch.setattr(roundtrip, "run", kept)
    return made


Past = Callable[..., None]


@pytest.fixture
def past(funded: Workspace) -> Past:
    """`past(outputs, task="chat")`: one request of an hour ago for each number of output tokens."""

    ids = count()

    def record(
        outputs: list[int], *, task: str = "", model: str = MINI, ago: timedelta = timedelta(hours=1), inputs: int = 10
    ) -> None:
        for output in outputs:
            usage = {"input_tokens": Decimal(inputs), "output_tokens": Decimal(output)}
            event = EventInput(f"past {next(ids)}", model, usage, occurred_at=NOW - ago, task=task)
            usage_record(workspace_id=funded.pk, source=Source("service"), event=event)
        clear_all()

    return record
