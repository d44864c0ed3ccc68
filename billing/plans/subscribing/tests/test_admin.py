"""Staff look at subscriptions, cancel them, and put workspaces on plans without Stripe; each with a reason."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from billing.foundation.audit.models import AuditEntry
from billing.invoices.money import money_text
from billing.plans.models import PlanVersion, SubscriptionChange
from billing.plans.subscribing.tests.conftest import Till
from portal.testing.fixtures import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(db: None) -> Client:
    return client_of(User.objects.create_superuser("staff@example.com", "correct horse 9"))


def url(till: Till, path: str) -> str:
    return f"/admin/plans/subscription/{till.row.pk}/{path}"


def sent(**more: Any) -> dict[str, Any]:
    return {"key": "k", "reason": "Asked by phone", "confirmed": "on"} | more


def test_given_a_plan_then_cancelled(till: Till, staff: Client) -> None:
    team = PlanVersion.objects.get(plan__key="team")
    assert staff.get(url(till, "give/")).status_code == 200
    assert till.row.version.plan.key == "free", "looking changes nothing"
    given = staff.post(url(till, "give/"), sent(plan=f"{team.pk}:{team.credit_tiers.get(number=1).pk}"), follow=True)
    assert "has its first credits" in given.content.decode()
    row = till.row
    assert (row.version, row.interval, row.paid_until) == (team, "", None)
    assert row.credit_tier == team.credit_tiers.get(number=1)
    assert [lot[0] for lot in till.lots()] == [8_000]
    entry = AuditEntry.objects.get(action="subscription.given")
    assert (entry.reason, entry.actor_label) == ("Asked by phone", "staff@example.com")
    refused = staff.post(url(till, "cancel-later/"), sent())
    assert "no paid time" in refused.content.decode()
    staff.post(url(till, "cancel-now/"), sent())
    assert till.row.version.plan.key == "free"
    till.sound()


def test_what_is_paid_is_cancelled_at_stripe(till: Till, staff: Client) -> None:
    till.start("plus")
    with till.time():
        till.confirm(till.shown("team", tier=1))
        till.confirm(till.shown("plus"))
        shown = staff.get(url(till, "change/")).content.decode()
        assert "Plus plan, monthly" in shown, "what it changes to"
        added = till.lots()
        (dearer,) = SubscriptionChange.objects.filter(kind="upgrade")
        for page in (shown, staff.get(f"/admin/plans/subscriptionchange/{dearer.pk}/change/").content.decode()):
            assert money_text(dearer.amount_due, "usd") in page
        team = PlanVersion.objects.get(plan__key="team")
        refused = staff.post(url(till, "give/"), sent(plan=str(team.pk)))
        assert "Cancel that first" in refused.content.decode()
        assert staff.post(url(till, "cancel-later/"), sent(reason="")).status_code == 200
        assert till.row.ends_at is None
        staff.post(url(till, "cancel-later/"), sent())
        assert till.row.ends_at == till.row.paid_until
        staff.post(url(till, "cancel-now/"), sent())
        assert till.row.stripe_id is None
        for page in ("subscription", "subscriptionchange", "autoupgrade"):
            assert staff.get(f"/admin/plans/{page}/").status_code == 200
    assert AuditEntry.objects.filter(action="subscription.stopped").count() == 2
    assert till.lots() == added, "what was added stays"


def test_who_may_not(till: Till, bob_client: Client) -> None:
    assert bob_client.post(url(till, "cancel-now/"), sent()).status_code in (302, 403)
    assert till.row.version.plan.key == "free"
