"""A disputed payment ends automatic charges of its workspace, whichever payment it is, until a person agrees anew."""

from datetime import timedelta

import pytest
import stripe
from django.test import Client

from accounts.models import User, Workspace
from accounts.tests.quartet import page
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.due.registry import run_due
from billing.foundation.outbox.models import OutboxMessage
from billing.gateway.customers import customer_id
from billing.gateway.payments import charge_off_session
from billing.packs.autotopup.models import InvoiceDispute
from billing.packs.autotopup.settings import auto_top_up_off
from billing.packs.autotopup.tests.conftest import (
    GOOD,
    TopUps,
    connected,
    credits_of,
    look,
    spend,
    sweep,
    sweep_failing,
)
from billing.packs.invoicedisputes import JOB as INVOICE_DISPUTES
from billing.packs.invoicedisputes import dispute_notice
from billing.packs.tests.conftest import decide, dispute
from portal.testing.fixtures import client_of
from portal.testing.simulated import SimulatedStripe

__all__ = ["connected"]

pytestmark = pytest.mark.django_db(transaction=True)


def charge(top_ups: TopUps) -> None:
    top_ups.agree()
    spend(top_ups.workspace, 60)
    sweep()
    assert top_ups.taken == 1_000


def test_a_disputed_top_up_is_the_last_one(top_ups: TopUps, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    charge(top_ups)
    key = dispute(top_ups.simulated, top_ups.made[0].purchase)
    row = top_ups.row
    assert (row.enabled, row.consent) == (False, None)
    assert row.off_because == "A payment of $10.00 (Automatic top-up) is disputed with the bank."
    spend(top_ups.workspace, max(credits_of(top_ups.workspace) // NANO, 0) or 1, "down again")
    sweep()
    assert len(top_ups.made) == 1
    (mail,) = top_ups.mails("topup.failed")
    assert "is disputed with the bank" in mail.text
    told = OutboxMessage.objects.get(kind="purchase.dispute")
    assert "Its automatic top-ups were switched off" in told.text
    assert AuditEntry.objects.filter(action="auto_top_up.switched_off", workspace=top_ups.workspace).count() == 1

    top_ups.agree()
    decide(top_ups.simulated, top_ups.made[0].purchase, key, "lost")
    assert top_ups.row.enabled, "what was known when a person agreed anew does not end that"
    assert len(top_ups.mails("topup.failed")) == 1


def test_an_agreement_that_is_off_ends_as_well(top_ups: TopUps) -> None:
    charge(top_ups)
    auto_top_up_off(workspace=top_ups.workspace, by=top_ups.person, withdraw=False)
    dispute(top_ups.simulated, top_ups.made[0].purchase)
    assert top_ups.row.consent is None, "no key can switch it on again"


class AtStripe:
    """A payment that is no purchase's, as that of an invoice, and what is heard of its dispute."""

    def __init__(self, top_ups: TopUps) -> None:
        self.simulated = top_ups.simulated
        self.payment = charge_off_session(
            workspace=top_ups.workspace,
            amount=2_000,
            currency="usd",
            method=top_ups.save_card(GOOD).id,
            description="Subscription",
            metadata={},
            key="an invoice",
        )

    def dispute(self) -> str:
        return str(self.simulated.control("disputes", payment_intent=self.payment.id)["id"])


def looked(job: str = INVOICE_DISPUTES) -> None:
    (run,) = run_due(only=job)
    assert run.error == "", run.error


def test_a_disputed_invoice_ends_them_as_well(top_ups: TopUps, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    key = AtStripe(top_ups).dispute()
    top_ups.agree()
    for _ in range(2):  # webhooks may come more than once
        dispute_notice(key, livemode=False)
        looked()
    row = top_ups.row
    assert (row.enabled, row.consent) == (False, None)
    assert row.off_because == "A payment of $20.00 (an invoice) is disputed with the bank."
    assert len(top_ups.mails("topup.failed")) == 1
    told = OutboxMessage.objects.get(kind="purchase.dispute")
    assert "Its automatic top-ups were switched off" in told.text
    assert InvoiceDispute.objects.get().counted_at is not None
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    listed = client_of(User.objects.get(pk=alice.pk)).get("/admin/packs/invoicedispute/").content.decode()
    assert key in listed
    assert "$20.00" in listed

    top_ups.agree()
    top_ups.simulated.control("disputes/decide", dispute=key, outcome="lost")
    dispute_notice(key, livemode=False)
    looked()
    assert top_ups.row.enabled, "what was known when a person agreed anew does not end that"


def test_the_webhook_about_a_subscriptions_invoice_ends_them(
    connected: SimulatedStripe, workspace: Workspace, alice: User
) -> None:
    top_ups = TopUps(connected, workspace, alice)
    method = top_ups.save_card(GOOD)
    price = stripe.Price.create(
        unit_amount=2_000, currency="usd", recurring={"interval": "month"}, product_data={"name": "Pro"}
    )
    customer = str(customer_id(top_ups.workspace))
    stripe.Subscription.create(customer=customer, items=[{"price": price.id}], default_payment_method=method.id)
    (payment,) = stripe.PaymentIntent.list(customer=customer).data
    top_ups.agree_to(method.id)
    connected.control("disputes", payment_intent=payment.id)
    connected.settle(30)
    assert InvoiceDispute.objects.count() == 1
    looked()
    assert top_ups.row.off_because == "A payment of $20.00 (an invoice) is disputed with the bank."


def test_a_dispute_of_which_nothing_was_heard_is_found(top_ups: TopUps) -> None:
    charge(top_ups)
    AtStripe(top_ups).dispute()
    dispute(top_ups.simulated, top_ups.made[0].purchase)
    top_ups.agree()
    looked("invoice_disputes_missed")
    looked()
    assert InvoiceDispute.objects.count() == 1, "those of purchases are attended to with them"
    assert not top_ups.row.enabled


def test_a_dispute_waits_while_stripe_does_not_answer(top_ups: TopUps) -> None:
    key = AtStripe(top_ups).dispute()
    top_ups.agree()
    dispute_notice(key, livemode=False)
    top_ups.simulated.control("faults", on="disputes/", method="GET", times=2, status=503)
    (run,) = run_due(only=INVOICE_DISPUTES)
    assert "0 disputes looked at, 1 not" in run.error
    assert top_ups.row.enabled
    with clock.at(clock.now() + timedelta(minutes=2)):
        looked()
    assert not top_ups.row.enabled


def test_disputes_that_are_nobodys_end_nothing(top_ups: TopUps) -> None:
    top_ups.agree()
    for key, live in (("du_unknown", False), ("du_live", True)):
        dispute_notice(key, livemode=live)
    looked()
    assert top_ups.row.enabled
    waits = InvoiceDispute.objects.filter(look_at__isnull=False).values_list("stripe_id", flat=True)
    assert list(waits) == ["du_live"], "what Stripe does not have is not asked for again"


def test_a_dispute_of_a_purchase_is_attended_to_with_it(top_ups: TopUps) -> None:
    charge(top_ups)
    key = str(top_ups.simulated.control("disputes", payment_intent=top_ups.made[0].purchase.payment_id)["id"])
    dispute_notice(key, livemode=False)  # as if its payment had not been kept yet
    looked()
    assert InvoiceDispute.objects.get().counted_at is None
    with clock.at(clock.now() + timedelta(minutes=1)):
        look()
    assert top_ups.row.off_because == "A payment of $10.00 (Automatic top-up) is disputed with the bank."


def test_without_top_ups_operators_are_told_of_the_dispute_alone(top_ups: TopUps, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    charge(top_ups)
    auto_top_up_off(workspace=top_ups.workspace, by=top_ups.person, withdraw=True)
    dispute(top_ups.simulated, top_ups.made[0].purchase)
    assert top_ups.mails("topup.failed") == []
    assert "switched off" not in OutboxMessage.objects.get(kind="purchase.dispute").text


def test_a_charge_without_an_answer_is_not_asked_for_again(top_ups: TopUps) -> None:
    charge(top_ups)
    spend(top_ups.workspace, 2_040, "a second fall")
    top_ups.simulated.control("faults", on="payment_intents$", method="POST", times=2, status=503)
    sweep_failing()
    assert len(top_ups.made) == 2
    dispute(top_ups.simulated, top_ups.made[0].purchase)
    for minutes in (3, 12):
        with clock.at(clock.now() + timedelta(minutes=minutes)):
            look()
    assert top_ups.made[1].outcome == "unanswered"
    assert top_ups.taken == 1_000


def test_it_can_be_left_off_on_the_page(top_ups: TopUps, workspace: Workspace, alice_client: Client) -> None:
    charge(top_ups)
    dispute(top_ups.simulated, top_ups.made[0].purchase)
    url = page(workspace, "auto-top-up")
    assert b"Leave it off" in alice_client.get(url).content
    assert "Automatic top-ups are switched off" in alice_client.get(page(workspace, "usage")).content.decode()
    alice_client.post(url, {"leave": "1"})
    assert top_ups.row.off_because == ""
    assert b"Leave it off" not in alice_client.get(url).content
    assert "Automatic top-ups are switched off" not in alice_client.get(page(workspace, "usage")).content.decode()
    alice_client.post(url, {"leave": "1"})
    assert AuditEntry.objects.filter(action="auto_top_up.left_off").count() == 1


def test_removing_the_card_says_what_ends_with_it(top_ups: TopUps, workspace: Workspace, alice_client: Client) -> None:
    consent = top_ups.agree()
    other = top_ups.save_card("5555555555554444")

    def text(method: str) -> str:
        return alice_client.get(page(workspace, f"payment-methods/{method}/remove")).content.decode()

    assert "the agreement ends with it" in text(consent.method)
    assert "below 100 credits" in text(consent.method)
    assert "the agreement ends with it" not in text(other.id)
    auto_top_up_off(workspace=workspace, by=top_ups.person, withdraw=False)
    assert "the agreement ends with it" in text(consent.method)
    assert "below 100 credits" not in text(consent.method)
    alice_client.post(page(workspace, f"payment-methods/{consent.method}/remove"))
    assert top_ups.row.consent is None
