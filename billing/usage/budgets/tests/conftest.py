from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from accounts.models import ApiKey, Project, User, Workspace
from accounts.scopes import WORKSPACE_SCOPES, KeyKind
from accounts.services.keys import api_key_create
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.services import credits_grant
from billing.metering.events import Source
from billing.metering.known import forget_everything
from billing.metering.record import usage_record
from billing.metering.validate import parse_event
from billing.pricing.testing import import_demo_prices
from billing.usage.authorize import authorize
from billing.usage.authorized import Authorized
from billing.usage.budgets.models import Budget
from billing.usage.budgets.services import budget_create
from billing.usage.settle import settlement

NOW = datetime(2026, 3, 10, 12, 30, 15, tzinfo=UTC)
SERVICE = Source("service")


@pytest.fixture(autouse=True)
def no_remembered_ids() -> None:
    forget_everything()


@pytest.fixture
def shop(workspace: Workspace) -> Iterator[Workspace]:
    """Northwind AI with 1,000 credits, at half past twelve on 10 March 2026. A message costs one credit."""
    import_demo_prices()
    workspace.usage_write_allowed = True
    workspace.save(update_fields=["usage_write_allowed"])
    with clock.at(NOW):
        credits_grant(workspace_id=workspace.pk, key="start", amount=1_000 * NANO, label="Start")
        yield workspace


@pytest.fixture
def prod(workspace: Workspace) -> Project:
    return Project.objects.create(workspace=workspace, slug="prod", name="Production")


def key_made_by(person: User, workspace: Workspace, name: str = "laptop") -> ApiKey:
    """A key that may record usage, as the operator allowed it before."""
    key, _ = api_key_create(kind=KeyKind.WORKSPACE, workspace=workspace, name=name, scopes=WORKSPACE_SCOPES)
    key.created_by = person
    key.save(update_fields=["created_by"])
    return key


@pytest.fixture
def key(workspace: Workspace, alice: User) -> ApiKey:
    return key_made_by(alice, workspace)


def source_of(key: ApiKey) -> Source:
    return Source("workspace", key.pk, key.project_id, key.created_by_id)


_ids = count()


def spend(workspace: Workspace, messages: int, source: Source = SERVICE, **fields: Any) -> str:
    """Report so many messages; the event's id."""
    event_id = f"event {next(_ids)}"
    body = {"event_id": event_id, "model": "", "usage": {"messages": messages}, **fields}
    usage_record(workspace_id=workspace.pk, source=source, event=parse_event(body))
    return event_id


def hold(workspace: Workspace, messages: int, source: Source = SERVICE, **fields: Any) -> Authorized:
    return authorize(workspace=workspace, source=source, raw={"usage": {"messages": messages}, **fields})


def settle(workspace: Workspace, held: Authorized, messages: int, source: Source = SERVICE) -> None:
    body = settlement(workspace.pk, held.hold_id, {"usage": {"messages": messages}})
    usage_record(workspace_id=workspace.pk, source=source, event=parse_event(body))


Make = Callable[..., Budget]


@pytest.fixture
def budget(alice: User, workspace: Workspace) -> Make:
    """`budget(10, project=prod)`: so many credits a month; requests beyond are refused."""

    def make(credits: int, *, period: str = "month", stops: bool = True, **subject: Any) -> Budget:
        return budget_create(
            workspace=workspace, period=period, amount=credits * NANO, stops=stops, by=alice, **subject
        )

    return make


def left(budget: Budget) -> tuple[int, int]:
    """Whole credits spent in the latest period, and held."""
    budget.refresh_from_db()
    period = budget.periods.order_by("-starts_at").first()
    return (period.spent // NANO if period else 0), budget.held // NANO
