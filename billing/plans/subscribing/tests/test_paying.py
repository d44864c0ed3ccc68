"""Renewals: paid, declined, paid later, never paid. News of them: lost, repeated, in any order, invented."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import stripe
from django.db import connection
from djstripe.models import WebhookEventTrigger

from accounts.models import Membership, Workspace
from billing.alerts.notices.needs import CHARGED, FOR_PLAN, Need
from billing.alerts.notices.standing import standing_of
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.due.registry import run_due
from billing.foundation.outbox.models import OutboxMessage
from billing.gateway.endpoint import EVENTS
from billing.gateway.expiring import end_of
from billing.gateway.subscriptions import subscription
from billing.ledger.selectors import balance
from billing.plans.models import Subscription, SubscriptionNotice
from billing.plans.subscribing.errors import NotNow
from billing.plans.subscribing.state import subscription_apply
from billing.plans.subscribing.tests.conftest import Till
from billing.plans.webhooks import OTHERS, SUBSCRIPTIONS
from portal.testing.fixtures import client_of


def test_every_event_we_listen_to_is_sent_to_us() -> None:
    assert {*SUBSCRIPTIONS, *OTHERS} <= set(EVENTS)


@pytest.mark.django_db
def test_declined_and_paid_later_gives_exactly_its_period(till: Till) -> None:
    row = till.start("plus")
    second = row.next_period_at
    till.card("pm_card_chargeCustomerFail")
    till.advance(days=29)
    till.look()
    row = till.row
    assert (row.status, row.paid_until) == ("past_due", second)
    assert len(till.lots()) == 1, "nothing is given before it is paid"
    assert OutboxMessage.objects.filter(kind="subscription.unpaid").count() == 1
    with pytest.raises(NotNow, match="payment failed"):
        till.shown("team")
    till.look()
    assert OutboxMessage.objects.filter(kind="subscription.unpaid").count() == 1
    invoice = stripe.Subscription.retrieve(str(row.stripe_id)).latest_invoice
    till.simulated.client.post(f"_hosted/invoices/{invoice}/pay", number="4242424242424242")
    till.asked_anew()
    row = till.row
    assert (row.status, row.past_due_since) == ("active", None)
    assert [(lot[0], lot[1]) for lot in till.lots()][1:] == [(1_000, second)]
    assert till.charged() == 4_000
    till.sound()


@pytest.mark.django_db
def test_a_bank_that_wants_to_see_the_cardholder_is_another_thing_than_a_declined_card(till: Till) -> None:
    till.start("plus")
    till.card("pm_card_authenticationRequired")
    till.advance(days=29)
    till.look()
    assert (till.row.status, till.row.awaits_confirmation) == ("past_due", True)
    mail = OutboxMessage.objects.get(kind="subscription.confirm")
    assert mail.subject == f"Confirm the payment of $20.00 for {till.workspace.name}"
    assert "Confirm the payment:\n" in mail.text
    assert not OutboxMessage.objects.filter(kind="subscription.unpaid").exists()
    (need,) = banners(till.workspace)
    assert (need.what, need.to) == ("plan-confirm", ("plans:plan",))
    page = client_of(till.person).get(f"/w/{till.workspace.public_id}/plan").content.decode()
    assert "The payment waits for your confirmation." in page
    assert "was declined" not in page
    till.card("pm_card_chargeCustomerFail")
    till.advance(days=4)
    till.asked_anew()
    assert till.row.awaits_confirmation is False, "another card was declined since"
    assert OutboxMessage.objects.filter(kind="subscription.unpaid").count() == 1
    invoice = stripe.Subscription.retrieve(str(till.row.stripe_id)).latest_invoice
    till.simulated.client.post(f"_hosted/invoices/{invoice}/pay", number="4242424242424242")
    till.asked_anew()
    assert banners(till.workspace) == []


@pytest.mark.django_db
def test_a_change_that_waits_for_its_payment_has_a_banner(till: Till) -> None:
    till.start("plus")
    till.card("pm_card_authenticationRequired")
    change = till.confirm(till.shown("team"))
    (need,) = banners(till.workspace)
    assert (need.what, need.to) == ("plan-change", ("plans:change", change.public_id))


@pytest.mark.django_db(transaction=True)
def test_the_card_that_pays_the_plan_is_asked_for_before_it_expires(connected_till: Till) -> None:
    till = connected_till
    row = till.start("plus")
    till.simulated.settle(30)
    method = stripe.Subscription.retrieve(str(row.stripe_id)).default_payment_method
    card = stripe.PaymentMethod.retrieve(str(method)).card
    assert card is not None
    end = end_of(card.exp_year, card.exp_month)
    for days, found in ((31, []), (29, ["card-soon"]), (-1, ["card-expired"])):
        with clock.at(end - timedelta(days=days)):
            assert [need.what for need in banners(till.workspace)] == found, days
    with clock.at(end):
        (need,) = banners(till.workspace)
        assert need.text.startswith(CHARGED[FOR_PLAN])
        till.card("pm_card_mastercard")
        till.simulated.settle(30)
        (need,) = banners(till.workspace)
    assert need.title == "The Mastercard card ending in 4444 has expired", "it is another one now"


def banners(workspace: Workspace) -> list[Need]:
    member = Membership.objects.select_related("workspace").get(workspace=workspace, role="owner")
    found = standing_of(member, balance(workspace.pk)).needs
    return [shown.need for shown in found if not shown.need.of_balance]


@pytest.mark.django_db
def test_never_paid_it_ends_and_the_free_plan_follows(till: Till) -> None:
    till.start("plus")
    till.card("pm_card_chargeCustomerFail")
    till.advance(days=29)
    till.look()
    till.advance(days=6)
    with till.time():
        (run,) = run_due(only="subscription_reminders")
    assert run.error == ""
    if till.row.status != "active":
        assert OutboxMessage.objects.filter(kind="subscription.last").count() == 1
    till.advance(days=40)
    till.look()
    assert till.row.version.plan.key == "free"
    ended = Subscription.objects.get(stripe_id__isnull=False)
    assert ended.status == "ended"
    assert "because it was not paid" in OutboxMessage.objects.get(kind="subscription.ended").text
    assert [lot[0] for lot in till.lots()] == [1_000]
    till.sound()


@pytest.mark.django_db
def test_without_any_news_the_clock_finds_out(till: Till) -> None:
    """No webhook ever arrives: renewals are found when the paid time is over, a cancellation within a day."""
    row = till.start("plus")
    till.advance(days=28, seconds=600)
    till.look()
    assert len(till.lots()) == 2
    stripe.Subscription.modify(str(row.stripe_id), cancel_at_period_end=True)
    till.look()
    assert till.row.ends_at is None
    till.advance(days=1, seconds=60)
    till.look()
    assert till.row.ends_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_storm(connected_till: Till) -> None:
    """Each event up to four times, shuffled and late, with lies among them: it ends where Stripe is."""
    till, chance = connected_till, random.Random(3)
    till.simulated.control("deliveries", shuffle=True, copies=4, delay=[0, 0.2])
    till.start("team")
    till.confirm(till.shown("team", tier=1))
    till.advance(days=14)
    shown = till.shown("team", tier=2)
    till.confirm(shown)
    for _ in range(2):
        till.advance(days=chance.randint(28, 31))
        told = json.loads(str(stripe.Subscription.retrieve(str(till.row.stripe_id))))
        lie = {"type": "customer.subscription.deleted", "data": {"object": told | {"status": "canceled"}}}
        more = {"api_version": "2026-05-27.dahlia", "pending_webhooks": 1}
        more["request"] = {"id": None, "idempotency_key": None}  # type: ignore[assignment]
        till.simulated.control("deliveries/forge", event=lie | more, signed=True)
        till.look()
    till.simulated.settle(60)
    till.look()
    row = till.row
    assert (row.status, row.ended_at, row.credit_tier and row.credit_tier.number) == ("active", None, 2)
    amounts = [lot[0] for lot in till.lots()]
    assert amounts[0] == 4_000
    assert shown.credits // NANO in amounts
    assert amounts.count(16_000) == row.period
    assert not WebhookEventTrigger.objects.filter(processed=False).exists()
    till.sound()


@pytest.mark.django_db(transaction=True)
def test_a_webhook_only_notes_it(connected_till: Till) -> None:
    till = connected_till
    change = till.change("plus")
    till.simulated.pay(str(change.session_id))
    till.simulated.settle()
    assert till.row.stripe_id is None
    assert SubscriptionNotice.objects.exists()
    with till.time() as now:
        SubscriptionNotice.objects.update(at=now - timedelta(seconds=1))
    till.look()
    assert till.row.stripe_id is not None
    assert len(till.lots()) == 1


@pytest.mark.django_db(transaction=True)
def test_several_that_hear_of_it_at_once_begin_it_once(till: Till) -> None:
    change = till.change("plus")
    till.simulated.pay(str(change.session_id))
    (told,) = stripe.Subscription.list().data
    state, barrier = subscription(told.id), Barrier(4)

    def apply(_: int) -> int | None:
        try:
            with till.time() as now:
                barrier.wait(timeout=30)
                row = subscription_apply(state, now=now)
                return row.pk if row else None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(apply, range(4))) == {till.row.pk}
    assert till.row.stripe_id == state.id
    assert len(till.lots()) == 1
    assert AuditEntry.objects.filter(action="subscription.started", workspace=till.workspace).count() == 1
