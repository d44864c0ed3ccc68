from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.metering.models import Allowance
from billing.plans.entitlements import Entitlement, entitlement, entitlements
from billing.plans.limits import forget_limits
from billing.plans.models import Plan, PlanVersion
from billing.plans.publishing import version_publish
from billing.plans.services import plan_start

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
RENEWS = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)


def on(workspace: Workspace, plan_key: str, alice: User, **terms: Any) -> None:
    """Put the workspace on the plan, in a new version with other terms if any are given."""
    if terms:
        version_publish(version=PlanVersion(plan=Plan.objects.get(key=plan_key), **terms), actor=alice)
    plan_start(workspace=workspace, plan_key=plan_key)
    forget_limits(workspace.pk)


def test_pro_as_it_is_shipped(workspace: Workspace, alice: User) -> None:
    with clock.at(START):
        on(workspace, "pro", alice)
        Allowance.objects.filter(workspace=workspace, starts_at=START).update(used=Decimal("120000"))
        assert [(found.name, found.entitled, found.limit) for found in entitlements(workspace.pk)] == [
            ("feature.500000-characters-a-month", True, None),
            ("feature.standard-premium-and-ultra-quality", True, None),
            ("feature.5000-characters-per-request", True, None),
            ("feature.commercial-use", True, None),
            ("quality.standard", True, None),
            ("quality.premium", True, None),
            ("quality.ultra", True, None),
            ("allowance.input_characters", True, 500_000),
            ("request_limit.input_characters", True, 5_000),
            ("concurrency", True, None),
            ("overdraft", False, 0),
        ]
        found = entitlement(workspace.pk, "input_characters")
    assert (found.kind, found.used, found.remaining, found.resets_at) == ("allowance", 120_000, 380_000, RENEWS)


@pytest.mark.parametrize("name", ["commercial-use", "commercial_use", "Commercial-Use", "feature.commercial-use"])
def test_a_feature_is_named_by_its_text(workspace: Workspace, alice: User, name: str) -> None:
    on(workspace, "pro", alice)
    assert entitlement(workspace.pk, name) == Entitlement(
        "feature.commercial-use", "feature", True, text="Commercial use"
    )
    other = Workspace.objects.create(name="Other")
    on(other, "free", alice)
    assert entitlement(other.pk, name) == Entitlement(name, None, False)


def test_qualities_are_those_of_the_plan_or_all(workspace: Workspace, alice: User) -> None:
    on(workspace, "free", alice)
    assert [entitlement(workspace.pk, name).entitled for name in ("standard", "premium", "quality.premium")] == [
        True,
        False,
        False,
    ]
    other = Workspace.objects.create(name="Other")
    on(other, "free", alice, qualities=[])
    assert entitlement(other.pk, "quality.premium") == Entitlement("quality.premium", "quality", True)


def test_a_name_alone_is_a_feature_before_anything_else(workspace: Workspace, alice: User) -> None:
    terms = {"features": ["Ultra"], "qualities": ["ultra"], "request_limits": {"images": "4"}}
    on(workspace, "free", alice, **terms)
    assert entitlement(workspace.pk, "ultra").kind == "feature"
    assert entitlement(workspace.pk, "quality.ultra").kind == "quality"
    assert entitlement(workspace.pk, "images") == Entitlement(
        "request_limit.images", "request_limit", True, limit=Decimal(4)
    )
    assert entitlement(workspace.pk, "request_limit.pages") == Entitlement("request_limit.pages", "request_limit", True)


def test_concurrency_and_overdraft(workspace: Workspace, alice: User) -> None:
    on(workspace, "free", alice, concurrency=10, overdraft=25 * NANO)
    assert entitlement(workspace.pk, "concurrency").limit == 10
    assert entitlement(workspace.pk, "overdraft") == Entitlement("overdraft", "overdraft", True, limit=Decimal(25))


def test_an_allowance_that_is_used_up_is_still_one(workspace: Workspace, alice: User) -> None:
    on(workspace, "free", alice)
    Allowance.objects.filter(workspace=workspace).update(used=1000)
    found = entitlement(workspace.pk, "allowance.input_characters")
    assert (found.entitled, found.remaining) == (True, 0)


@pytest.mark.parametrize(
    "name", ["unicorns", "feature.", "quality.", "request_limit.", ".", "allowance.images", "concurrency.x"]
)
def test_what_the_plan_does_not_know_is_no_entitlement(workspace: Workspace, alice: User, name: str) -> None:
    on(workspace, "free", alice)
    assert entitlement(workspace.pk, name) == Entitlement(name, None, False)


def test_without_a_plan_nothing_is_limited_and_nothing_included(workspace: Workspace) -> None:
    assert [(found.name, found.entitled, found.limit) for found in entitlements(workspace.pk)] == [
        ("concurrency", True, None),
        ("overdraft", False, 0),
    ]
    assert entitlement(workspace.pk, "quality.ultra").entitled
    assert not entitlement(workspace.pk, "commercial-use").entitled


def test_a_plan_for_no_request_at_all_cannot_be_stored(alice: User) -> None:
    with pytest.raises(IntegrityError, match="plan_concurrency_positive"), transaction.atomic():
        version_publish(version=PlanVersion(plan=Plan.objects.get(key="free"), concurrency=0), actor=alice)
