"""Webhooks through dj-stripe: copies, any order, delays, forgeries. The ledger ends where Stripe's own books are."""

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
import stripe
from django.db import InterfaceError, OperationalError, connection
from djstripe.models import Event, WebhookEventTrigger

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.due.registry import run_due
from billing.invoices.models import Document
from billing.packs.models import MoneyBack, Notice, Purchase
from billing.packs.reconcile import reconcile
from billing.packs.tasks import JOB
from billing.packs.tests.conftest import Buy, credits_of, look, sound
from billing.packs.webhooks import OF_A_PAYMENT, PAYMENTS, SESSIONS
from portal.testing.simulated import SimulatedStripe, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def event_of(kind: str, told: dict[str, Any]) -> dict[str, Any]:
    request = {"request": {"id": None, "idempotency_key": None}}
    return {"type": kind, "data": {"object": told}, "api_version": "2026-05-27.dahlia", "pending_webhooks": 1} | request


def test_every_event_we_listen_to_is_sent_to_us() -> None:
    from billing.gateway.endpoint import EVENTS

    assert {*SESSIONS, *PAYMENTS, *OF_A_PAYMENT} <= set(EVENTS)


def test_the_webhook_leads_to_the_credits(connected: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    purchase = buy()
    connected.pay(str(purchase.session_id))
    connected.settle()
    assert credits_of(workspace) == 0, "the receiver only notes it"
    assert set(Notice.objects.values_list("purchase_id", flat=True)) == {purchase.pk}
    look()
    assert credits_of(workspace) == 10_500 * NANO
    assert not WebhookEventTrigger.objects.filter(processed=False).exists()
    sound(workspace)


def test_events_of_others_are_none_of_ours(connected: SimulatedStripe, workspace: Workspace) -> None:
    stripe.PaymentIntent.create(
        amount=500, currency="usd", payment_method="pm_card_visa", confirm=True, metadata={"purchase": "pur_x"}
    )
    connected.settle()
    assert Event.objects.filter(type="payment_intent.succeeded").exists()
    assert Notice.objects.count() == 0


def test_a_lie_credits_nothing(connected: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    """Signed with our own secret even: the purchase is not paid, whatever is said of it."""
    purchase = buy()
    connected.settle()
    session = stripe.checkout.Session.retrieve(str(purchase.session_id)).to_dict()
    lie = session | {"status": "complete", "payment_status": "paid", "payment_intent": "pi_invented"}
    invented = {"id": "pi_invented", "object": "payment_intent", "status": "succeeded", "amount_received": 5_000}
    invented |= {"metadata": {"purchase": purchase.public_id}, "amount": 5_000, "currency": "usd"}
    forgeries = [
        event_of("checkout.session.completed", lie),
        event_of("payment_intent.succeeded", invented),
        event_of("charge.refunded", {"id": "ch_x", "object": "charge", "payment_intent": "pi_x", "metadata": {}}),
        event_of("refund.created", {"id": "re_x", "object": "refund", "payment_intent": "pi_x"}),
    ]
    for forged in forgeries:
        assert connected.control("deliveries/forge", event=forged)["statuses"] == [400]
        connected.control("deliveries/forge", event=forged, signed=True)
    look()
    purchase.refresh_from_db()
    assert (purchase.status, credits_of(workspace)) == (Purchase.Status.OPEN, 0)
    assert MoneyBack.objects.count() == 0


def test_refunds_and_disputes_are_heard_of(connected: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    purchase = buy()
    connected.pay(str(purchase.session_id))
    connected.settle()
    look()
    purchase.refresh_from_db()
    stripe.Refund.create(payment_intent=str(purchase.payment_id), amount=1_000)
    dispute = connected.control("disputes", payment_intent=purchase.payment_id)
    connected.settle()
    look()
    assert credits_of(workspace) == 0
    connected.control("disputes/decide", dispute=dispute["id"], outcome="won")
    connected.settle()
    look()
    assert credits_of(workspace) == 8_400 * NANO
    assert reconcile(now=clock.now()).differences == []


class Worker(threading.Thread):
    """A worker that begins anew all the time, while webhooks come in; and after it was killed."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.05):
            try:
                run_due(only=JOB)
            except (OperationalError, InterfaceError):
                connection.close()
        connection.close()


def kill_all_others() -> int:
    """As when the processes of web and worker are killed: whatever they are at ends there, and is rolled back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def test_a_storm(connected: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    """Each event one to five times, in any order, late, with lies among them; two workers at once, and web and workers
    killed in between; some pay, some are declined, some leave; refunds and disputes follow. To the cent, ledger and
    documents are what Stripe has.
    """
    chance = random.Random(7)
    workers = [Worker(), Worker()]
    for worker in workers:
        worker.start()
    bought, killed = [], 0
    for number in range(9):
        connected.control("deliveries", shuffle=True, copies=chance.randint(1, 5), delay=[0, 0.4])
        purchase = buy(chance.choice(["starter", "growth", "scale"]), key=f"k{number}")
        if number % 3 == 2:
            connected.pay(str(purchase.session_id), "4000000000000002")
            killed += kill_all_others()
            continue
        connected.pay(str(purchase.session_id))
        bought.append(purchase)
        lie = stripe.checkout.Session.retrieve(str(purchase.session_id)).to_dict() | {"amount_total": 1}
        connected.control("deliveries/forge", event=event_of("checkout.session.completed", lie), signed=True)
        connected.control("deliveries/forge", event=event_of("checkout.session.completed", lie))
    _wait_for(lambda: Purchase.objects.filter(status="fulfilled").count() == len(bought))
    for place, purchase in enumerate(bought):
        purchase.refresh_from_db()
        if place % 3 == 0:
            stripe.Refund.create(payment_intent=str(purchase.payment_id), amount=purchase.amount // 3)
        elif place % 3 == 1:
            dispute = connected.control("disputes", payment_intent=purchase.payment_id)
            killed += kill_all_others()
            outcome = chance.choice(["won", "lost"])
            connected.control("disputes/decide", dispute=dispute["id"], outcome=outcome)
    connected.control("deliveries", shuffle=True, hurry=True)
    connected.settle(90)
    _wait_for(lambda: Notice.objects.count() == 0)
    for worker in workers:
        worker.over.set()
        worker.join(30)
    assert killed > 5
    _as_in_the_books(connected, workspace)


def _wait_for(condition: Callable[[], bool]) -> None:
    """What a killed worker had begun is due again in a minute; here at once."""

    def due() -> bool:
        now = clock.now()
        Notice.objects.filter(at__gt=now).update(at=now)
        Purchase.objects.filter(look_at__gt=now, status__in=["paid", "fulfilled"]).update(look_at=now)
        return condition()

    wait_until(due, 60)


def _as_in_the_books(connected: SimulatedStripe, workspace: Workspace) -> None:
    totals = connected.books()["totals"]["usd"]
    paid = Purchase.objects.filter(status="fulfilled")
    assert sum(each.amount for each in paid) == totals["charge"]
    back = MoneyBack.objects.filter(status="gone")
    refunded = sum(each.amount for each in back if each.kind == "refund")
    lost = sum(each.amount for each in back if each.kind == "dispute")
    assert refunded == -totals["refund"]
    documents = Document.objects.all()
    kept = sum(-each.total if each.is_credit_note else each.total for each in documents)
    assert kept == totals["charge"] + totals["refund"] - lost
    # The credits of each purchase, less the share of its money that is gone.
    expected = 0
    for purchase in paid:
        gone = sum(each.amount for each in back if each.purchase_id == purchase.pk)
        for nano in (purchase.credits, purchase.bonus_credits):
            expected += nano - nano * gone // purchase.amount
    assert credits_of(workspace) == expected
    assert documents.filter(kind="invoice").count() == paid.count()
    sound(workspace)
    assert reconcile(now=clock.now()).differences == []
