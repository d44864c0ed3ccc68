from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.services import credits_grant
from billing.metering.events import Source
from billing.metering.known import forget_everything
from billing.metering.record import usage_record
from billing.metering.validate import parse_event
from billing.plans.services import plan_start
from billing.pricing.testing import import_demo_prices

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
MINI, GPT, SONNET = "openai/gpt-4o-mini", "openai/gpt-4o", "anthropic/claude-sonnet-4-5"
TTS = "elevenlabs/eleven_flash_v2_5"
SERVICE = Source("service")
_ids = count()


@pytest.fixture(autouse=True)
def no_remembered_ids() -> None:
    forget_everything()


@pytest.fixture
def shop(workspace: Workspace) -> Iterator[Workspace]:
    """Northwind AI with credits and without a plan, at half past twelve on 10 March 2026."""
    import_demo_prices()
    with clock.at(NOW - timedelta(days=100)):
        credits_grant(workspace_id=workspace.pk, key="start", amount=100_000 * NANO, label="Start")
    with clock.at(NOW):
        yield workspace


@pytest.fixture
def on_free(shop: Workspace) -> Workspace:
    """The same on the free plan since 1 January: 1,000 characters a month included."""
    plan_start(workspace=shop, plan_key="free", now=datetime(2026, 1, 1, tzinfo=UTC))
    return shop


Use = Callable[..., int]


@pytest.fixture
def use(shop: Workspace) -> Use:
    """`use(GPT, input_tokens=…, ago=3, task="…")`: one request so many days ago; its charge in nano-credits. Use
    the oldest first: a wallet's stamps never go backwards.
    """

    def record(model: str, *, ago: float = 1, times: int = 1, **said: Any) -> int:
        own = {name: said.pop(name) for name in ("task", "agent", "variant") if name in said}
        charged = 0
        for _ in range(times):
            at = NOW - timedelta(days=ago)
            body = {"event_id": f"e{next(_ids)}", "model": model, "usage": said, "occurred_at": at.isoformat(), **own}
            with clock.at(at + timedelta(seconds=2)):
                receipt = usage_record(workspace_id=shop.pk, source=SERVICE, event=parse_event(body))
            charged += receipt.nano
        return charged

    return record
