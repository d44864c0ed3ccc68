from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.services import credits_grant
from billing.ledger.session import Session
from billing.metering.events import EventInput, Source
from billing.metering.known import forget_everything
from billing.metering.record import usage_record, usage_record_batch
from billing.pricing.testing import import_demo_prices

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
MINI = "openai/gpt-4o-mini"  # $0.15 / $0.60 per million: 1,200 in and 300 out are 0.072 credits
TTS = "elevenlabs/eleven_flash_v2_5"  # $40 per million characters: 0.008 credits each
SERVICE = Source("service")


@pytest.fixture(autouse=True)
def no_remembered_ids() -> None:
    forget_everything()


@pytest.fixture
def noon() -> Iterator[datetime]:
    """It is half past twelve on 10 March 2026."""
    with clock.at(NOW):
        yield NOW


@pytest.fixture
def prices(db: None) -> None:
    import_demo_prices()


def fund(workspace: Workspace, amount: int = 100, *, key: str = "start", **terms: Any) -> int:
    """Give whole credits; the lot's id."""
    result = credits_grant(workspace_id=workspace.pk, key=key, amount=amount * NANO, label=f"Lot {key}", **terms)
    assert result.lot_id is not None
    return result.lot_id


def event(
    event_id: str = "req_1", *, model: str = MINI, usage: dict[str, Any] | None = None, **fields: Any
) -> EventInput:
    """By default 0.072 credits of gpt-4o-mini."""
    quantities = usage or {"input_tokens": 1200, "output_tokens": 300}
    return EventInput(event_id, model, {meter: Decimal(str(of)) for meter, of in quantities.items()}, **fields)


@pytest.fixture
def record(workspace: Workspace, prices: None) -> Callable[..., Any]:
    """Record one event of the demo workspace with the operator's key."""

    def run(reported: EventInput, source: Source = SERVICE) -> Any:
        return usage_record(workspace_id=workspace.pk, source=source, event=reported)

    return run


@pytest.fixture
def batch(workspace: Workspace, prices: None) -> Callable[..., Any]:
    """Record several events in one call."""

    def run(events: list[Any], source: Source = SERVICE) -> Any:
        return usage_record_batch(workspace_id=workspace.pk, source=source, events=events)

    return run


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many statements each round trip of the ledger's session carried. What was found is remembered at once."""
    counted: list[int] = []
    send = Session._send

    def counting(session: Session, statements: Any) -> Any:
        counted.append(len(statements))
        return send(session, statements)

    monkeypatch.setattr(Session, "_send", counting)
    monkeypatch.setattr("billing.metering.known.transaction.on_commit", lambda call: call())
    return counted


HOUR = timedelta(hours=1)
