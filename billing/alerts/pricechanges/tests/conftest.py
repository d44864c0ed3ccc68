from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest

from accounts.models import Workspace
from billing.alerts.pricechanges.jobs import price_news
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.ledger.services import credits_grant
from billing.metering.events import Source
from billing.metering.known import forget_everything
from billing.metering.record import usage_record
from billing.metering.validate import parse_event
from billing.pricing.models import PriceLine
from billing.pricing.services import changed
from billing.pricing.testing import import_demo_prices

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MINI, GPT = "openai/gpt-4o-mini", "openai/gpt-4o"
SERVICE = Source("service")
_ids = count()


@pytest.fixture(autouse=True)
def no_remembered_ids() -> None:
    forget_everything()


@pytest.fixture
def shop(workspace: Workspace) -> Iterator[Workspace]:
    """Northwind AI at half past twelve on 10 March 2026. Prices are looked at since yesterday."""
    import_demo_prices()
    with clock.at(NOW - 40 * DAY):
        credits_grant(workspace_id=workspace.pk, key="start", amount=100_000 * NANO, label="Start")
    price_news(now=NOW - DAY, limit=100)
    with clock.at(NOW):
        yield workspace


def use(workspace: Workspace, model: str = MINI, *, at: datetime = NOW - HOUR, **usage: int) -> None:
    body = {"event_id": f"e{next(_ids)}", "model": model, "occurred_at": at.isoformat()}
    body["usage"] = usage or {"input_tokens": 1_000_000}  # type: ignore[assignment]
    with clock.at(at + timedelta(seconds=2)):
        usage_record(workspace_id=workspace.pk, source=SERVICE, event=parse_event(body))


def reprice(model: str, meter: str, usd: str, *, at: datetime, tier: str = "") -> PriceLine:
    """Close the open line of a meter and open one at another price, as an import does."""
    provider, _, name = model.partition("/")
    lines = PriceLine.objects.filter(provider=provider, model=name, meter=meter, effective_to=None, status="active")
    line = lines.get(dims={"tier": tier} if tier else {})
    PriceLine.objects.filter(pk=line.pk).update(effective_to=at)
    line.pk, line.price, line.effective_from = None, Decimal(usd), at
    line.save(force_insert=True)
    changed()
    return line


Told = Callable[..., list[OutboxMessage]]


@pytest.fixture
def told() -> Told:
    """`told(NOW)`: the messages of one run of the job."""

    def run(now: datetime = NOW) -> list[OutboxMessage]:
        before = set(OutboxMessage.objects.values_list("pk", flat=True))
        with clock.at(now):
            price_news(now=now, limit=100)
        return list(OutboxMessage.objects.filter(kind__startswith="prices.").exclude(pk__in=before).order_by("pk"))

    return run
