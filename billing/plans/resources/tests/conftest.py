"""A day of a container costs 134 credits, of a GB 2, a deployment 100: the shipped prices at $0.005 a credit."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.due.registry import run_due
from billing.ledger.services import credits_grant
from billing.metering.known import forget_everything
from billing.metering.models import UsageEvent
from billing.plans.models import Resource
from billing.plans.resources.services import Wanted, resource_delete, resource_put
from billing.pricing.testing import import_demo_prices

START = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)
CONTAINER, GB, DEPLOYMENT = 134, 2, 100

Fund = Callable[..., None]


def at(day: int, hour: int = 9, minute: int = 30) -> datetime:
    """A moment of March 2027."""
    return datetime(2027, 3, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def customer(workspace: Workspace) -> Workspace:
    """Northwind AI before it has anything."""
    forget_everything()
    import_demo_prices()
    return workspace


def fund(workspace: Workspace, credits: int, *, key: str = "start", when: datetime = START) -> None:
    with clock.at(when):
        credits_grant(workspace_id=workspace.pk, key=key, amount=credits * NANO, label="Credits")


def put(
    workspace: Workspace,
    external_id: str = "web-1",
    quantity: str | int = 1,
    *,
    kind: str = "container",
    when: datetime = START,
    project: str = "",
) -> Resource:
    with clock.at(when):
        wanted = Wanted(kind, Decimal(quantity), project=project)
        return resource_put(workspace=workspace, external_id=external_id, wanted=wanted)[0]


def delete(workspace: Workspace, external_id: str = "web-1", *, when: datetime) -> Resource | None:
    with clock.at(when):
        return resource_delete(workspace=workspace, external_id=external_id)


def work(when: datetime) -> int:
    """What the worker does at that time: bills what is due, then looks at the balances. How many days it billed."""
    with ExitStack() as stack:
        stack.enter_context(clock.at(when))
        [days], [cover] = run_due(only="resource_days"), run_due(only="resource_cover")
    assert (days.error, cover.error) == ("", "")
    return days.items


def charged(workspace: Workspace) -> list[tuple[str, int]]:
    """Day and whole credits of each event, in order."""
    events = UsageEvent.objects.filter(workspace=workspace).order_by("occurred_at", "pk")
    return [(f"{event.occurred_at:%m-%d}", event.amount // NANO) for event in events]
