"""Drafts, ladders, publishing, and moving customers to a newer version."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.foundation.audit.models import AuditEntry
from billing.metering.models import Allowance
from billing.plans import moving
from billing.plans.errors import UnknownPlan
from billing.plans.ladder import tiers_read
from billing.plans.models import CreditTier, Plan, PlanVersion, Subscription
from billing.plans.moving import move_preview, version_move
from billing.plans.publishing import version_problems
from billing.plans.selectors import current_subscription, newest_version, plans_on_offer
from billing.plans.services import plan_start, subscription_start

pytestmark = pytest.mark.django_db
NOW = datetime(2027, 3, 5, 12, tzinfo=UTC)
CREDIT = 10**9
FIELDS: dict[str, Any] = {
    "monthly_price_cents": 1_000,
    "yearly_price_cents": 10_000,
    "trial_days": 14,
    "periods": "anniversary",
    "monthly_credits": "2000.5",
    "rollover_months": 2,
    "rollover_cap": "500",
    "credit_tiers": '[{"credits": "5000", "monthly": "25", "yearly": "250"}]',
    "credit_price": "0.005",
    "allowances": '{"input_characters": "1000"}',
    "request_limits": "{}",
    "qualities": "standard",
    "overdraft": 0,
    "features": "500,000 characters a month\r\n\r\nCommercial use",
    "support": "E-mail",
    "sla": "99.9 %",
    "discounts": "[]",
    "tiers": "[]",
}


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(email="root@example.com", password="x"))
    return client


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:plans_planversion_{name}", args=args)


def test_a_draft_is_changed_seen_as_a_customer_sees_it_and_published_for_good(staff: Client) -> None:
    plan = Plan.objects.create(key="team", name="Team")
    assert staff.post(url("add"), FIELDS | {"plan": plan.pk}).status_code == 302
    draft = PlanVersion.objects.get(plan=plan)
    assert (draft.number, draft.published_at, draft.monthly_credits) == (1, None, 2_000_500_000_000)
    assert draft not in plans_on_offer()
    assert draft.features == ["500,000 characters a month", "Commercial use"]
    assert "500,000 characters a month\nCommercial use" in staff.get(url("change", draft.pk)).content.decode()

    changed = FIELDS | {"rollover_cap": "", "credit_tiers": '[{"credits": "6000", "monthly": "30", "yearly": "300"}]'}
    assert staff.post(url("change", draft.pk), changed).status_code == 302
    tier = CreditTier.objects.get(version=draft)
    assert (tier.number, tier.monthly_credits, tier.monthly_price_cents) == (1, 6_000 * CREDIT, 3_000)

    publish = reverse("admin:plans_planversion_publish", args=[draft.pk])
    shown = staff.get(publish).content.decode()
    for text in ("$10.00 a month, or $100.00 a year", "2,000.5", "stay 2 further months", "Or 6,000 credits a month"):
        assert text in shown
    seen = re.findall(r'name="seen"[^>]*value="([0-9a-f]{64})"', shown)[0]
    assert staff.post(publish, {"key": "once", "seen": seen}).status_code == 302
    draft.refresh_from_db()
    assert draft.published_at is not None
    assert AuditEntry.objects.get(action="plan.version_published").target == "Team v1"
    late = staff.post(url("change", draft.pk), changed | {"sla": "99.99 %"})
    assert (late.status_code, "was published meanwhile" in late.content.decode()) == (200, True)
    draft.refresh_from_db()
    assert draft.sla == "99.9 %"
    assert staff.post(url("delete", draft.pk), {"post": "yes"}).status_code == 403
    for page in (
        url("changelist"),
        url("change", draft.pk),
        reverse("admin:plans_planversion_preview", args=[draft.pk]),
    ):
        assert staff.get(page).status_code == 200
    published = staff.get(url("change", draft.pk)).content.decode()
    for text in ("2,000.5", "$10.00 a month, or $100.00 a year", "Or 6,000 credits a month"):
        assert text in published
    for raw in ("2000500000000", "10000<", "&quot;credits&quot;"):
        assert raw not in published
    assert "$100.00" in staff.get(url("changelist")).content.decode()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"credits": 1}, "Write credit tiers as"),
        ([{"credits": "1", "price": "2"}], "Write credit tiers as"),
        ([{"credits": "x", "monthly": "1"}], "not a number"),
        ([{"credits": "0", "monthly": "1"}], "more than nothing"),
        ([{"credits": "1", "monthly": "0.001"}], "whole cents"),
        ([{"credits": True, "monthly": "1"}], "not a number"),
    ],
)
def test_tiers_that_cannot_be_read(written: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        tiers_read(written)


@pytest.mark.parametrize(
    ("version", "tiers", "said"),
    [
        ({}, [("20", "2", "20"), ("20", "3", "30")], "no more credits"),
        ({}, [("20", "1", "20")], "costs no more a month"),
        ({}, [("20", "2", None)], "not both sold by the year"),
        ({}, [("20", "2", "10")], "costs no more a year"),
        ({"monthly_credits": 0}, [("20", "2", "20")], "it has none"),
        ({"rollover_cap": 5}, [], "cap on what rolls over"),
        ({"monthly_price_cents": 0}, [], "no price by the year"),
        ({"monthly_price_cents": 0, "yearly_price_cents": None, "trial_days": 3}, [], "needs no trial"),
        ({"periods": "calendar"}, [], "same kind of months"),
    ],
)
def test_what_cannot_be_published(version: dict[str, Any], tiers: list[Any], said: str) -> None:
    fields = {"monthly_credits": 10 * CREDIT, "monthly_price_cents": 100, "yearly_price_cents": 1_000} | version
    found = tiers_read(
        [
            {"credits": credits, "monthly": monthly} | ({"yearly": yearly} if yearly else {})
            for credits, monthly, yearly in tiers
        ]
    )
    problems = version_problems(PlanVersion(plan=Plan.objects.get(key="pro"), number=9, **fields), found)
    assert any(said in problem for problem in problems), problems


def test_nobody_begins_with_a_retired_plan_and_whoever_has_it_keeps_it(workspace: Workspace) -> None:
    plan_start(workspace=workspace, plan_key="pro", now=NOW)
    Plan.objects.filter(key="pro").update(visibility="retired")
    Plan.objects.filter(key="free").update(visibility="hidden")
    assert newest_version("pro") is None
    assert newest_version("free") is not None  # staff and the API still give it
    with pytest.raises(UnknownPlan):
        plan_start(workspace=Workspace.objects.create(name="Late"), plan_key="pro", now=NOW)
    current = current_subscription(workspace.pk)
    assert current is not None
    assert current.version.plan.key == "pro"


def test_customers_are_moved_but_for_those_whose_price_would_change(workspace: Workspace, staff: Client) -> None:
    plan_start(workspace=workspace, plan_key="pro", now=NOW)
    old = PlanVersion.objects.get(plan__key="pro")
    paying = Workspace.objects.create(name="Paying")
    subscription_start(
        workspace=paying,
        version=old,
        at=NOW,
        now=NOW,
        interval="month",
        stripe_id="sub_1",
        paid_until=datetime(2027, 4, 5, 12, tzinfo=UTC),
    )
    new = PlanVersion.objects.create(
        plan=old.plan,
        number=2,
        monthly_price_cents=3_900,
        allowances={"input_characters": "600000"},
        published_at=NOW,
    )
    found = move_preview(old)
    assert found is not None
    assert (found.target, found.moved, found.stay) == (new, 1, {"their price would change": 1})
    assert ("Included input characters", "500,000", "600,000") in found.changes
    page = reverse("admin:plans_planversion_move", args=[old.pk])
    assert "500,000 → 600,000" in staff.get(page).content.decode()

    later = datetime(2027, 3, 20, tzinfo=UTC)
    for _ in range(2):
        version_move(version=old, target=new, reason="Better", actor="sam", now=later)
    assert dict(Subscription.objects.filter(ended_at=None).values_list("workspace__name", "version__number")) == {
        "Northwind AI": 2,
        "Paying": 1,
    }
    entry = AuditEntry.objects.get(action="plan.customer_moved")
    assert (entry.workspace, entry.reason) == (workspace, "Better")
    rows = Allowance.objects.filter(workspace=workspace).order_by("starts_at")
    assert list(rows.values_list("included", "ends_at"))[:2] == [
        (500_000, later),
        (600_000, datetime(2027, 4, 5, 12, tzinfo=UTC)),
    ]
    assert move_preview(new) is None


def test_who_takes_another_tier_meanwhile_keeps_it(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody on the list of those to be moved upgrades before it is their turn."""
    plan_start(workspace=workspace, plan_key="business", now=NOW)
    old = PlanVersion.objects.get(plan__key="business")
    new = PlanVersion.objects.create(plan=old.plan, number=2, monthly_price_cents=10_000, published_at=NOW)
    rungs = [(tier.number, tier.monthly_credits, tier.monthly_price_cents) for tier in old.credit_tiers.all()]
    for number, credits, cents in rungs:
        CreditTier.objects.create(version=new, number=number, monthly_credits=credits, monthly_price_cents=cents)
    listed = list(moving._on(old))
    Subscription.objects.filter(workspace=workspace).update(credit_tier=old.credit_tiers.get(number=2))
    monkeypatch.setattr(moving, "_on", lambda _: iter(listed))
    moved = version_move(version=old, target=new, reason="Better", actor="sam", now=NOW)
    assert moved.moved == 1
    current = current_subscription(workspace.pk)
    assert current is not None
    assert (current.version, current.credit_tier) == (new, new.credit_tiers.get(number=2))
