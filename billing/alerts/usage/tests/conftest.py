"""Credits that came in, spends, and what was written of them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.ledger.services import credits_adjust, credits_grant
from billing.metering.models import HourTotal
from billing.plans.services import plan_start

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def customer(workspace: Workspace, alice: User) -> Workspace:
    """Alice's, on the default plan, whose periods begin on the 1st."""
    plan_start(workspace=workspace, now=datetime(2026, 3, 1, tzinfo=UTC))
    return workspace


def grant(workspace: Workspace, credits: int, key: str = "g", **terms: Any) -> None:
    terms = {"source": "promotion", "label": "Gift", **terms}
    credits_grant(workspace_id=workspace.pk, key=key, amount=credits * NANO, **terms)


def use(workspace: Workspace, credits: int, key: str) -> None:
    """As usage does: the totals of the hour, and the balance, in one transaction."""
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    row, _ = HourTotal.objects.get_or_create(workspace=workspace, hour=hour, defaults={"amount": 0, "requests": 0})
    row.amount += credits * NANO
    row.save()
    credits_adjust(workspace_id=workspace.pk, key=key, amount=-credits * NANO, reason="test", actor="test")


def mails() -> list[tuple[str, str]]:
    rows = OutboxMessage.objects.filter(kind__startswith="usage.").order_by("pk")
    return list(rows.values_list("kind", "subject"))
