"""A new workspace starts on a plan, with what the plan includes."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from accounts.models import User
from accounts.services.workspaces import workspace_create
from billing.credits import clock
from billing.foundation.site.services import site_update
from billing.ledger.models import Lot, Wallet
from billing.metering.models import Allowance
from billing.metering.tests.helpers import rewriting
from billing.plans.errors import UnknownPlan
from billing.plans.limits import limits_for
from billing.plans.models import Plan, PlanVersion, Subscription
from billing.plans.publishing import version_problems
from billing.plans.selectors import plans_on_offer
from billing.plans.services import plan_start, workspace_open
from billing.plans.shipped import ship_plans

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def test_plans_are_shipped_with_the_seeds_figures() -> None:
    free, pro, business, enterprise = PlanVersion.objects.order_by("plan__position")
    assert (free.plan.key, free.monthly_price_cents, free.allowances) == ("free", 0, {"input_characters": "1000"})
    assert (free.request_limits, free.qualities) == ({"input_characters": "500"}, ["standard"])
    assert (pro.plan.key, pro.monthly_price_cents, pro.allowances) == ("pro", 2900, {"input_characters": "500000"})
    assert (pro.request_limits, pro.qualities) == ({"input_characters": "5000"}, ["standard", "premium", "ultra"])
    assert pro.rollover_months == 0
    assert (business.credit_price, business.rollover_months) == (Decimal("0.005"), 2)
    for sold in (business, *business.credit_tiers.all()):  # each credit for half a cent
        assert sold.monthly_credits // 10**9 * business.credit_price * 100 == sold.monthly_price_cents
    assert version_problems(business, list(business.credit_tiers.all())) == []
    assert enterprise.plan.visibility == "hidden"
    assert [version.plan.key for version in plans_on_offer()] == ["free", "pro", "business"]


def test_shipping_again_brings_nothing_back() -> None:
    from django.apps import apps

    with rewriting():
        Plan.objects.get(key="pro").versions.all().delete()
        Plan.objects.get(key="pro").delete()
    ship_plans(apps)
    assert list(Plan.objects.values_list("key", flat=True)) == ["free", "business", "enterprise"]


def test_new_workspace_starts_on_the_default_plan_with_its_allowance(alice: User) -> None:
    with clock.at(START):
        workspace = workspace_create(name="New", owner=alice)
    subscription = Subscription.objects.get(workspace=workspace)
    assert (subscription.version.plan.key, subscription.anchor) == ("free", START)
    assert subscription.next_period_at == datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
    allowance, following = Allowance.objects.filter(workspace=workspace).order_by("starts_at")
    assert (allowance.meter, allowance.included, allowance.starts_at) == ("input_characters", Decimal(1000), START)
    assert allowance.ends_at == following.starts_at == subscription.next_period_at
    assert following.ends_at == datetime(2026, 3, 31, 9, 30, tzinfo=UTC)
    assert not Lot.objects.filter(workspace=workspace).exists()


def test_default_plan_is_the_sites(alice: User) -> None:
    site_update(changes={"default_plan": "pro"}, actor=alice)
    workspace = workspace_create(name="New", owner=None)
    assert limits_for(workspace.pk).plan_key == "pro"


def test_missing_default_plan_keeps_nobody_out(alice: User) -> None:
    site_update(changes={"default_plan": "gone"}, actor=alice)
    workspace = workspace_create(name="New", owner=alice)
    assert not Subscription.objects.filter(workspace=workspace).exists()
    limits = limits_for(workspace.pk)
    assert (limits.plan_key, limits.request_limits, limits.allows_quality("ultra")) == ("", {}, True)


def test_plan_can_be_chosen_when_a_workspace_is_opened(alice: User) -> None:
    workspace = workspace_open(name="Chosen", owner=alice, plan_key="pro", external_id="crm-7")
    assert limits_for(workspace.pk).plan_key == "pro"
    assert limits_for(workspace_create(name="Next", owner=alice).pk).plan_key == "free"


def test_unknown_plan_leaves_no_workspace(alice: User) -> None:
    with pytest.raises(UnknownPlan, match="no published plan 'platinum'"):
        workspace_open(name="Chosen", owner=alice, plan_key="platinum")
    assert not alice.memberships.exists()


def test_starting_twice_changes_nothing(alice: User) -> None:
    workspace = workspace_create(name="New", owner=alice)
    first = Subscription.objects.get(workspace=workspace)
    assert plan_start(workspace=workspace, plan_key="pro") == first
    assert Allowance.objects.filter(workspace=workspace).count() == 2


def test_credits_and_overdraft_of_the_plan_are_given(alice: User) -> None:
    plan = Plan.objects.create(key="team", name="Team")
    PlanVersion.objects.create(
        plan=plan, number=1, monthly_credits=500 * 10**9, rollover_months=2, overdraft=7, published_at=START
    )
    with clock.at(START):
        workspace = workspace_open(name="Team", owner=alice, plan_key="team")
    lot = Lot.objects.get(workspace=workspace)
    assert (lot.amount, lot.source, lot.label) == (500 * 10**9, "plan", "Team plan, January 2026")
    assert (lot.effective_at, lot.expires_at) == (START, datetime(2026, 4, 30, 9, 30, tzinfo=UTC))
    assert Wallet.objects.get(pk=workspace.pk).overdraft_limit == 7


def test_new_subscribers_get_the_newest_published_version(alice: User) -> None:
    plan = Plan.objects.get(key="free")
    PlanVersion.objects.create(plan=plan, number=2, qualities=["Premium"], published_at=START)
    PlanVersion.objects.create(plan=plan, number=3, qualities=["Ultra"])  # a draft
    limits = limits_for(workspace_create(name="New", owner=alice).pk)
    assert limits.qualities == ("premium",)
    assert limits.allows_quality("Premium")
    assert not limits.allows_quality("ultra")


def test_limits_are_exact_numbers(alice: User) -> None:
    limits = limits_for(workspace_create(name="New", owner=alice).pk)
    assert limits.request_limits == {"input_characters": Decimal(500)}
    assert limits.plan_name == "Free"
