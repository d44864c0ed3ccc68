from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from accounts.models import Workspace
from billing.plans.models import Plan, PlanVersion, Subscription
from billing.plans.services import subscription_start

CREDIT = 10**9


@pytest.fixture
def subscribed(workspace: Workspace) -> Callable[..., Subscription]:
    """`subscribed(anchor, paid_until=…, interval="month", …)`: the workspace on a plan of 100 credits for $29; other
    names are those of the version.
    """

    def make(
        anchor: datetime, *, paid_until: datetime | None = None, interval: str = "", **version: Any
    ) -> Subscription:
        plan = Plan.objects.create(key="team", name="Team")
        fields = {"monthly_credits": 100 * CREDIT, "monthly_price_cents": 2900, "published_at": anchor} | version
        return subscription_start(
            workspace=workspace,
            version=PlanVersion.objects.create(plan=plan, number=1, **fields),
            at=anchor,
            now=anchor,
            interval=interval,
            stripe_id="sub_1" if interval else None,
            paid_until=paid_until,
        )

    return make
