"""A workspace on a plan from 31 January on, whose add-ons are those that are shipped."""

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.cache import clear_all
from billing.foundation.due.registry import run_due
from billing.foundation.outbox.models import OutboxMessage
from billing.ledger.models import Transfer
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.ledger.verify import verify
from billing.plans.addons.attending import JOB
from billing.plans.addons.services import Done, addon_set
from billing.plans.limits import forget_limits
from billing.plans.models import Plan, PlanVersion, WorkspaceAddOn
from billing.plans.services import workspace_open

START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def day(month: int, date: int, hour: int = 9, minute: int = 30) -> datetime:
    return datetime(2026, month, date, hour, minute, tzinfo=UTC)


def on_plan(owner: User | None, name: str = "Team", **terms: Any) -> Workspace:
    """A new workspace on a plan of its own, which gives no credits unless told."""
    plan = Plan.objects.create(key=name.lower(), name=name)
    PlanVersion.objects.create(plan=plan, number=1, published_at=START, **{"concurrency": 2} | terms)
    with clock.at(START):
        return workspace_open(name=name, owner=owner, plan_key=plan.key)


def fund(workspace: Workspace, amount: int, *, at: datetime = START, key: str = "opening") -> None:
    with clock.at(at):
        credits_grant(workspace_id=workspace.pk, key=key, amount=amount * NANO, label="Credits", source="bought")


def put(
    workspace: Workspace, addon: str, quantity: int, *, at: datetime, key: str = "",
    shown: datetime | None = None, expected: int | None = None,
) -> Done:  # fmt: skip
    """At `at`, as it was previewed at `shown`."""
    with clock.at(at):
        done = addon_set(
            workspace=workspace, addon_key=addon, quantity=quantity, key=key or f"{addon}:{quantity}:{at}",
            actor="tests", at=shown, expected=expected,
        )  # fmt: skip
    forget_limits(workspace.pk)  # in a test nothing is committed
    return done


def work(at: datetime) -> int:
    """What the worker does; fails when something failed."""
    with clock.at(at):
        (run,) = run_due(only=JOB)
    assert run.error == "", run.error
    clear_all()
    return run.items


def held(workspace: Workspace, addon: str = "concurrency") -> WorkspaceAddOn:
    return WorkspaceAddOn.objects.filter(workspace=workspace, addon__key=addon).latest("started_at", "pk")


def charges(workspace: Workspace) -> list[int]:
    """Nano-credits that add-ons took, one after the other."""
    found = Transfer.objects.filter(workspace=workspace, kind="addon.spend").order_by("seq")
    return list(found.values_list("amount", flat=True))


def mails(what: str) -> int:
    return OutboxMessage.objects.filter(kind=f"addon.{what}").count()


def available(workspace: Workspace) -> int:
    return balance(workspace.pk).available


def sound(workspace: Workspace) -> None:
    assert verify(workspace_id=workspace.pk).problems == []


@pytest.fixture
def team(alice: User) -> Workspace:
    return on_plan(alice)
