"""Banners: what each state says and where it leads, the most urgent first, and gone as soon as it is not so."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from djstripe.models import PaymentMethod

from accounts.models import ApiKey, Membership, User, Workspace
from accounts.roles import Role
from accounts.tests.quartet import page
from billing.alerts.notices.standing import Shown, standing_of
from billing.alerts.webhooks.models import WebhookEndpoint
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust, credits_grant, low_bound_set
from billing.packs.autotopup.models import AutoTopUp, TopUp, TopUpConsent
from billing.packs.models import Purchase
from billing.plans.models import AddOn, Plan, PlanVersion, ShutdownWarning, Subscription, WorkspaceAddOn
from billing.plans.services import subscription_start
from billing.usage.budgets.models import KeyPace

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def shown(workspace: Workspace, role: str = Role.OWNER) -> list[Shown]:
    member = Membership.objects.select_related("workspace").get(workspace=workspace, role=Role.OWNER)
    member.role = role
    return list(standing_of(member, balance(workspace.pk)).needs)


def whats(workspace: Workspace, role: str = Role.OWNER) -> list[str]:
    return [each.need.what for each in shown(workspace, role)]


@pytest.fixture
def funded(workspace: Workspace) -> Workspace:
    credits_grant(workspace_id=workspace.pk, key="opening", amount=150 * NANO, label="Opening credits")
    return workspace


def take(workspace: Workspace, credits: int, key: str = "take") -> None:
    credits_adjust(workspace_id=workspace.pk, key=key, amount=-credits * NANO, reason="test", actor="test")


def top_ups(workspace: Workspace, person: User, **changes: object) -> AutoTopUp:
    terms = {"threshold": 100 * NANO, "amount": 2_000 * NANO, "day_cap": 5_000, "month_cap": 10_000}
    card = {"method": "pm_1", "card": "Visa card ending in 4242", "text": "I agree."}
    consent = TopUpConsent.objects.create(workspace=workspace, person=person, person_label="a", **card, **terms)
    values = {"enabled": True, "consent": consent, **terms, **changes}
    return AutoTopUp.objects.create(workspace=workspace, **values)


def test_nothing_needs_doing(funded: Workspace) -> None:
    assert whats(funded) == []


def test_a_new_workspace_has_first_steps_and_no_alarm(workspace: Workspace) -> None:
    assert whats(workspace) == []


def test_balances(funded: Workspace, alice_client: Client, bob_client: Client) -> None:
    low_bound_set(workspace_id=funded.pk, bound=200 * NANO)
    assert whats(funded) == ["balance-low"]
    text = alice_client.get(page(funded, "usage")).content.decode()
    assert "Northwind AI is running low on credits" in text
    assert 'role="status"' in text
    take(funded, 150)
    assert whats(funded) == ["balance-stopped"]
    (found,) = shown(funded)
    assert found.url == page(funded, "credits/buy")
    (found,) = shown(funded, Role.VIEWER)
    assert found.url == page(funded, "credits#add"), "which says whom to ask"
    text = bob_client.get(page(funded, "usage")).content.decode()
    assert 'role="alert"' in text
    home = alice_client.get(page(funded, "")).content.decode()
    assert home.count('class="banner banner--stop"') == 1, "the overview has one of its own"
    credits_grant(workspace_id=funded.pk, key="more", amount=500 * NANO, label="More")
    assert whats(funded) == []


@pytest.mark.parametrize(
    ("status", "days", "what"),
    [("past_due", 1, "plan-past_due"), ("past_due", 6, "plan-last"), ("unpaid", 20, "plan-unpaid")],
)
def test_plans(funded: Workspace, status: str, days: int, what: str) -> None:
    now = clock.now()
    plan = Plan.objects.create(key="team", name="Team")
    version = PlanVersion.objects.create(plan=plan, number=1, published_at=now)
    subscription_start(
        workspace=funded, version=version, at=now, now=now, interval="month", stripe_id="sub_1", paid_until=now + HOUR
    )
    Subscription.objects.update(status=status, past_due_since=clock.now() - timedelta(days=days))
    assert whats(funded) == [what]
    assert shown(funded)[0].url == page(funded, "plan")
    assert whats(funded, Role.MEMBER) == [], "not told of money"
    Subscription.objects.update(status="active", past_due_since=None)
    assert whats(funded) == []


@pytest.mark.parametrize(
    ("changes", "what", "said"),
    [
        ({"paused_at": 0}, "topup-paused", "faster than is usual"),
        ({"waits_for": "back_off", "not_before": 1}, "topup-declined", "tried again on"),
        ({"waits_for": "month", "not_before": 1}, "topup-capped", "What you allowed for a month is reached"),
        ({"enabled": False, "consent": None, "off_because": "It was declined."}, "topup-off", "It was declined."),
    ],
)
def test_top_ups(funded: Workspace, alice: User, changes: dict[str, object], what: str, said: str) -> None:
    hours = {name: clock.now() + value * HOUR for name, value in changes.items() if type(value) is int}
    top_ups(funded, alice, **{**changes, **hours})
    waits = what in ("topup-declined", "topup-capped")
    assert whats(funded) == ([] if waits else [what]), "nothing is due yet"
    take(funded, 60)
    (found,) = shown(funded)
    assert found.need.what == what
    assert said in found.need.text
    assert whats(funded, Role.VIEWER) == []
    if waits:
        with clock.at(clock.now() + 2 * HOUR):
            assert whats(funded) == []


def test_a_card_that_top_ups_need(funded: Workspace, alice: User, alice_client: Client) -> None:
    row = top_ups(funded, alice)
    card = {"brand": "visa", "last4": "4242", "exp_month": 2, "exp_year": 2028}
    for name, customer in (("pm_1", "cus_1"), ("pm_other", "cus_1")):
        data = {"id": name, "object": "payment_method", "customer": customer, "card": card}
        PaymentMethod.objects.create(id=name, livemode=False, stripe_data=data)
    end = datetime(2028, 3, 1, tzinfo=UTC)
    with clock.at(end - timedelta(days=31)):
        assert whats(funded) == []
    with clock.at(end - timedelta(days=29)):
        (found,) = shown(funded)
        assert found.need.title == "The Visa card ending in 4242 expires at the end of February 2028"
        assert found.need.text.startswith("Automatic top-ups are charged to it.")
        assert found.url == page(funded, "payment-methods")
        assert whats(funded, Role.MEMBER) == [], "not told of money"
    with clock.at(end):
        assert whats(funded) == ["card-expired"]
        assert "The Visa card ending in 4242 has expired" in alice_client.get(page(funded, "usage")).content.decode()
        with CaptureQueriesContext(connection) as asked:
            shown(funded)
        assert len(asked) == 3  # the member, the balance, and one for everything else
        PaymentMethod.objects.filter(id="pm_1").update(stripe_data={"id": "pm_1", "customer": None, "card": card})
        assert whats(funded) == [], "removed"
        PaymentMethod.objects.filter(id="pm_1").update(stripe_data={"id": "pm_1", "customer": "cus_1", "card": card})
        AutoTopUp.objects.filter(pk=row.pk).update(enabled=False)
        assert whats(funded) == [], "nothing needs it"


def test_a_payment_to_confirm(funded: Workspace, alice: User) -> None:
    row = top_ups(funded, alice)
    now = clock.now()
    purchase = Purchase.objects.create(
        workspace=funded, automatic=True, request_hash=b"x" * 32, key="auto:1", buyer_label="automatic", name="Top-up",
        credits=2_000 * NANO, currency="usd", price=1_000, amount=1_000, created_at=now,
    )  # fmt: skip
    assert row.consent is not None
    TopUp.objects.create(
        purchase=purchase, consent=row.consent, method="pm_1", balance=0, threshold=1, reason="r", attempt=1,
        outcome="confirmation", decided_at=now,
    )  # fmt: skip
    (found,) = shown(funded)
    assert found.need.title == "Confirm a payment of $10.00"
    assert found.url == page(funded, f"auto-top-up/{purchase.public_id}/pay")
    Purchase.objects.update(status="expired", closed_at=now)
    assert whats(funded) == []


def test_add_ons_resources_keys_and_webhooks_the_most_urgent_first(
    funded: Workspace, alice: User, alice_client: Client, workspace_key: object
) -> None:
    now = clock.now()
    addon = AddOn.objects.create(key="seats", name="Seats", monthly_credits=10 * NANO, concurrency=1, most=5)
    held = WorkspaceAddOn.objects.create(
        workspace=funded, addon=addon, name="Seats", monthly_credits=10 * NANO, quantity=1, started_at=now,
        period_starts_at=now, paid_until=now + HOUR, look_at=now, status="short", short_since=now,
        suspends_at=now + HOUR,
    )  # fmt: skip
    WebhookEndpoint.objects.create(
        workspace=funded, url="https://example.com/", event_types=["balance.low"], secret="x", off="failing", off_at=now
    )
    key, _ = workspace_key()  # type: ignore[operator]
    pace = {"minute": now, "spent": 1, "week": now.date(), "paused_at": now}
    KeyPace.objects.create(api_key=key, workspace=funded, **pace)
    ShutdownWarning.objects.create(
        workspace=funded, warned_at=now, shutdown_at=now + 48 * HOUR, daily_cost=NANO, balance=0
    )
    assert whats(funded) == ["key-paused", "resources-warned", "webhook-off", "addon-short"]
    assert whats(funded, Role.BILLING) == ["key-paused", "resources-warned", "addon-short"]
    assert whats(funded, Role.MEMBER) == ["key-paused", "resources-warned", "addon-short"]
    assert whats(funded, Role.VIEWER) == ["resources-warned", "addon-short"]
    text = alice_client.get(page(funded, "usage")).content.decode()
    assert text.count('class="banner ') == 2, "two at once"
    assert "The API key test key is paused" in text
    ApiKey.objects.update(revoked_at=now)
    WebhookEndpoint.objects.update(off="person")
    held.status = "suspended"
    held.save()
    ShutdownWarning.objects.update(stopping_at=now + 48 * HOUR)
    assert whats(funded) == ["resources-stopping", "addon-suspended"]
