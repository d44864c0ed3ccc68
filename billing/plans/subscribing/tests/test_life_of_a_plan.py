"""A plan's life at the staff's desk, with a customer who pays for it at the stand-in all the while."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.credits.units import NANO
from billing.plans.models import Plan, PlanVersion
from billing.plans.selectors import plans_on_offer
from billing.plans.subscribing.choices import choice_find
from billing.plans.subscribing.tests.conftest import Till
from billing.plans.tests.test_catalogue import FIELDS

pytestmark = pytest.mark.django_db(transaction=True)

VERSION = FIELDS | {
    "trial_days": 0,
    "monthly_credits": "2000",
    "rollover_cap": "",
    "rollover_months": 0,
    "credit_tiers": "[]",
}


class Desk:
    """Staff in the admin. The clock is the till's."""

    def __init__(self, till: Till) -> None:
        self.till, self.client = till, Client()
        self.client.force_login(User.objects.create_superuser(email="root@example.com", password="x"))

    def get(self, name: str, /, *args: Any, **query: Any) -> str:
        with self.till.time():
            answer = self.client.get(reverse(f"admin:plans_{name}", args=args), query)
        assert answer.status_code == 200
        return answer.content.decode()

    def post(self, name: str, /, *args: Any, **sent: Any) -> None:
        with self.till.time():
            answer = self.client.post(reverse(f"admin:plans_{name}", args=args), sent)
        assert answer.status_code == 302, answer.content.decode()

    def act(self, name: str, version: PlanVersion, **sent: Any) -> str:
        """An action's page, and its form sent as it stands there."""
        page = self.get(f"planversion_{name}", version.pk)
        found = {field: re.findall(rf'name="{field}"[^>]*?value="([^"]+)"', page)[0] for field in ("key", "seen")}
        self.post(f"planversion_{name}", version.pk, **found, **sent)
        return page

    def version(self, plan: Plan, **changed: Any) -> PlanVersion:
        self.post("planversion_add", **VERSION | {"plan": plan.pk} | changed)
        made = PlanVersion.objects.filter(plan=plan).order_by("-number").first()
        assert made is not None
        return made


def test_who_is_on_an_old_version_keeps_it_until_moved(till: Till) -> None:
    desk = Desk(till)
    desk.post("plan_add", key="studio", name="Studio", position=35, visibility="public")
    plan = Plan.objects.get(key="studio")
    first = desk.version(plan)
    assert first not in plans_on_offer()
    desk.act("publish", first)
    assert first in plans_on_offer()

    row = till.start("studio")
    assert (row.version, till.charged()) == (first, 1_000)
    bought = till.lots()
    assert bought[-1][0] == 2_000

    second = desk.version(plan, monthly_credits="3000", concurrency="4")
    assert till.row.version == first  # a draft is nobody's
    desk.act("publish", second)
    assert second in plans_on_offer()
    assert (till.row.version, till.lots()) == (first, bought)
    till.advance(days=29)  # the next month is that of the version which the customer has
    till.look()
    assert (till.row.version, till.charged(), till.lots()[-1][0]) == (first, 2_000, 2_000)

    counted = desk.get("planversion_changelist", plan__id__exact=plan.pk)
    assert f"version__id__exact={first.pk}" in counted
    page = desk.act("move", first, reason="More for the same money")
    for text in ("Customers that are moved", "2,000 → 3,000"):
        assert text in page
    assert till.row.version == second
    assert till.charged() == 2_000  # moving charges nothing
    till.advance(days=31)
    till.look()
    assert (till.charged(), till.lots()[-1][0]) == (3_000, 3_000)

    desk.post("plan_change", plan.pk, name="Studio", position=35, visibility="retired")
    assert "studio" not in {version.plan.key for version in plans_on_offer()}
    assert choice_find(till.workspace, plan="studio", tier=0, interval="month", newest=True) is None
    till.advance(days=30)
    till.look()
    assert (till.row.version, till.row.status, till.charged()) == (second, "active", 4_000)
    assert till.lots()[-1][0] == 3_000
    till.sound()


def test_a_dearer_version_moves_nobody(till: Till) -> None:
    desk = Desk(till)
    plan = Plan.objects.create(key="studio", name="Studio", position=35)
    first = desk.version(plan)
    desk.act("publish", first)
    till.start("studio")
    dearer = desk.version(plan, monthly_price_cents=1_500, yearly_price_cents=15_000)
    desk.act("publish", dearer)
    page = desk.act("move", first, reason="It costs more now")
    assert "Stay, because" in page
    assert till.row.version == first
    till.advance(days=29)
    till.look()
    assert till.charged() == 2_000
    assert till.lots()[-1][0] * NANO == first.monthly_credits
