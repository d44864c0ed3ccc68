"""Limits that staff agreed on with one customer: they hold in place of its plan's, whatever plan it is on."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User, Workspace
from accounts.services.workspaces import workspace_create
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.ledger.selectors import balance
from billing.plans.limits import UNLIMITED, forget_limits, limits_for
from billing.plans.models import Plan, PlanVersion, Subscription, WorkspaceLimits
from billing.plans.own import limits_set, overdraft_of
from billing.plans.periods.versions import limits_give, limits_take

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fresh(workspace: Workspace) -> None:
    forget_limits(workspace.pk)


def agree(workspace: Workspace, by: User, **changes: Any) -> bool:
    terms: dict[str, Any] = {"overdraft": None, "concurrency": None, "request_limits": {}, **changes}
    done = limits_set(workspace=workspace, by=by, reason="contract 12", **terms)
    forget_limits(workspace.pk)
    return done


def test_without_any_the_plan_s_hold(workspace: Workspace) -> None:
    assert limits_for(workspace.pk).concurrency == UNLIMITED.concurrency
    assert overdraft_of(workspace.pk, 7) == 7


def test_they_hold_in_place_of_the_plan_s(workspace: Workspace, alice: User) -> None:
    assert agree(
        workspace, alice, overdraft=40 * NANO, concurrency=3, request_limits={"input_characters": Decimal(900)}
    )
    found = limits_for(workspace.pk)
    assert (found.overdraft, found.concurrency) == (40 * NANO, 3)
    assert found.request_limits["input_characters"] == 900
    assert balance(workspace.pk).overdraft_limit == 40 * NANO
    assert overdraft_of(workspace.pk, 7) == 40 * NANO


def test_the_same_again_changes_and_tells_nothing(workspace: Workspace, alice: User) -> None:
    assert agree(workspace, alice, concurrency=3)
    assert not agree(workspace, alice, concurrency=3)
    assert AuditEntry.objects.filter(action="limits.changed").count() == 1


def test_emptied_the_plan_s_hold_again(workspace: Workspace, alice: User) -> None:
    agree(workspace, alice, overdraft=40 * NANO, concurrency=3)
    assert agree(workspace, alice)
    assert balance(workspace.pk).overdraft_limit == 0
    assert limits_for(workspace.pk).concurrency is None
    entry = AuditEntry.objects.filter(action="limits.changed").latest("pk")
    assert (entry.before["overdraft"], entry.after["overdraft"]) == ("40", None)
    assert (entry.reason, entry.actor) == ("contract 12", alice)


def test_nothing_below_zero_is_kept(workspace: Workspace) -> None:
    for wrong in ({"overdraft": -1}, {"concurrency": 0}):
        with pytest.raises(IntegrityError), transaction.atomic():
            WorkspaceLimits.objects.create(workspace=workspace, **wrong)


def test_none_of_it_is_of_another_workspace(workspace: Workspace, alice: User) -> None:
    other = Workspace.objects.create(name="Other")
    agree(workspace, alice, concurrency=3)
    assert limits_for(other.pk).concurrency is None


def test_another_plan_leaves_them_as_they_are(alice: User) -> None:
    plan = Plan.objects.create(key="own-limits", name="Own")
    version = PlanVersion.objects.create(plan=plan, number=1, overdraft=7, published_at=START)
    with clock.at(START):
        workspace = workspace_create(name="Contoso", owner=alice)
        row = Subscription.objects.select_related("version").get(workspace=workspace, ended_at=None)
        agree(workspace, alice, overdraft=40 * NANO)
        row.version = version
        row.save()
        limits_give(row, at=START, now=START)
        assert balance(workspace.pk).overdraft_limit == 40 * NANO
        agree(workspace, alice)
        assert balance(workspace.pk).overdraft_limit == 7
        agree(workspace, alice, overdraft=40 * NANO)
        limits_take(workspace.pk, at=START, now=START)
        assert balance(workspace.pk).overdraft_limit == 40 * NANO
