"""What can come of an automatic charge, over HTTP against the stand-in: each outcome, once, with its words."""

from datetime import timedelta
from decimal import Decimal

import pytest
import stripe
from django.db import transaction

from accounts.models import User
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.gateway import checkout
from billing.gateway.customers import customer_ensure
from billing.ledger.models import Wallet
from billing.ledger.selectors import pending
from billing.packs.attending import notice_write
from billing.packs.autotopup import due
from billing.packs.autotopup.charging import BACK_OFF, CONFIRM_BY
from billing.packs.autotopup.models import TopUp
from billing.packs.autotopup.settings import auto_top_up_off, card_was_removed
from billing.packs.autotopup.standing import standing
from billing.packs.autotopup.tests.conftest import (
    FAILS_LATER,
    TopUps,
    credits_of,
    look,
    sound,
    spend,
    sweep,
)
from billing.packs.buying import checkout_open
from billing.packs.models import Purchase
from billing.packs.reconcile import reconcile

pytestmark = pytest.mark.django_db(transaction=True)
Status = Purchase.Status


def test_one_charge_brings_the_balance_above_the_bound(top_ups: TopUps) -> None:
    top_ups.agree()
    sweep()
    assert top_ups.made == []
    spend(top_ups.workspace, 60)
    sweep()
    sweep()
    (made,) = top_ups.made
    purchase = made.purchase
    assert (made.outcome, purchase.status, purchase.amount, made.attempt) == ("succeeded", Status.FULFILLED, 1_000, 1)
    assert credits_of(top_ups.workspace) == 2_090 * NANO
    assert top_ups.taken == 1_000
    assert made.reason == "The balance was 90 credits, below 100 credits; 1 × 2,000 credits"
    invoice = purchase.document
    assert invoice is not None
    assert (invoice.purpose, invoice.total, invoice.amount_paid) == ("top_up", 1_000, 1_000)
    assert invoice.lines.get().detail == made.reason
    assert purchase.lot is not None
    assert (purchase.lot.source, purchase.lot.unit_price_usd) == ("bought", Decimal("0.005"))
    intent = stripe.PaymentIntent.retrieve(str(purchase.payment_id))
    assert made.reason in str(intent.description)
    (mail,) = top_ups.mails()
    assert mail.subject == "2,000 credits added to Northwind AI: $10.00 charged automatically"
    assert made.reason in mail.text
    assert OutboxMessage.objects.filter(kind="invoice.receipt").count() == 1
    sound(top_ups.workspace)
    assert reconcile(now=clock.now()).differences == []


def test_what_is_owed_is_part_of_the_gap(top_ups: TopUps) -> None:
    top_ups.agree(day_cap=10_000)
    Wallet.objects.filter(pk=top_ups.workspace.pk).update(available=0, debt=4_500 * NANO)
    with transaction.atomic():
        found = due.top_up_begin(top_ups.workspace)
        assert found is not None
        assert (found.purchase.amount, found.balance) == (3_000, -4_500 * NANO)
        transaction.set_rollback(True)


def test_declines_back_off_and_the_last_one_switches_it_off(top_ups: TopUps) -> None:
    top_ups.agree(FAILS_LATER)
    spend(top_ups.workspace, 60)
    now = clock.now()
    for number, pause in enumerate(BACK_OFF, start=1):
        with clock.at(now):
            sweep()
            sweep()
        assert len(top_ups.made) == number
        with clock.at(now + pause - timedelta(minutes=1)):
            sweep()
        assert len(top_ups.made) == number, "not before its time"
        assert len(top_ups.mails("topup.failed")) == number
        now += pause + timedelta(seconds=5)
    with clock.at(now):
        sweep()
    with clock.at(now + timedelta(days=40)):
        sweep()
    made = top_ups.made
    assert [each.attempt for each in made] == [1, 2, 3, 4]
    assert {each.outcome for each in made} == {"declined"}
    assert {each.code for each in made} == {"generic_decline"}
    row = top_ups.row
    assert (row.enabled, row.consent) == (False, None)
    assert "declined 4 times" in row.off_because
    mails = top_ups.mails()
    assert len(mails) == 4
    assert "is tried again on" in mails[0].text
    assert mails[3].subject == "Automatic top-ups of Northwind AI are switched off"
    assert top_ups.taken == 0
    assert credits_of(top_ups.workspace) == 90 * NANO
    assert pending(top_ups.workspace.pk) == 0


def test_a_success_ends_the_back_off(top_ups: TopUps) -> None:
    top_ups.agree(FAILS_LATER)
    spend(top_ups.workspace, 60)
    sweep()
    assert top_ups.row.declines == 1
    top_ups.agree()
    sweep()
    row = top_ups.row
    assert (row.declines, row.not_before, row.enabled) == (0, None, True)
    assert [each.outcome for each in top_ups.made] == ["declined", "succeeded"]


def confirmation(top_ups: TopUps) -> TopUp:
    method = stripe.PaymentMethod.attach("pm_card_authenticationRequired", customer=customer_ensure(top_ups.workspace))
    top_ups.agree_to(method.id)
    spend(top_ups.workspace, 60)
    sweep()
    (made,) = top_ups.made
    return made


def test_a_bank_that_wants_the_cardholder_is_paid_on_a_page(top_ups: TopUps) -> None:
    made = confirmation(top_ups)
    assert (made.outcome, made.purchase.status) == ("confirmation", Status.OPEN)
    (mail,) = top_ups.mails()
    assert mail.subject == "Confirm a payment of $10.00 for Northwind AI"
    assert f"/auto-top-up/{made.purchase.public_id}/pay" in mail.text
    assert standing(top_ups.workspace).state == "confirmation"
    sweep()
    assert len(top_ups.made) == 1, "one in flight"
    back = checkout.Back("http://testserver/done", "http://testserver/left")
    purchase = checkout_open(made.purchase, back)
    top_ups.simulated.pay(str(purchase.session_id))
    notice_write(purchase, "the customer came back")
    look()
    (made,) = top_ups.made
    assert (made.outcome, made.purchase.status) == ("succeeded", Status.FULFILLED)
    assert credits_of(top_ups.workspace) == 2_090 * NANO
    assert (top_ups.row.waits_for, top_ups.row.enabled) == ("", True)
    assert top_ups.taken == 1_000
    sound(top_ups.workspace)


def test_another_card_does_not_wait_for_the_confirmation(top_ups: TopUps) -> None:
    made = confirmation(top_ups)
    top_ups.agree()
    sweep()
    first, second = top_ups.made
    assert (first.pk, first.purchase.status, first.outcome) == (made.pk, Status.CANCELED, "confirmation")
    assert second.outcome == "succeeded"
    assert (top_ups.taken, credits_of(top_ups.workspace)) == (1_000, 2_090 * NANO)
    with clock.at(made.purchase.created_at + CONFIRM_BY + timedelta(minutes=1)):
        look()
        sweep()
    assert (top_ups.row.enabled, top_ups.taken) == (True, 1_000)
    sound(top_ups.workspace)


def test_a_confirmation_that_somebody_has_begun_with_goes_on(top_ups: TopUps) -> None:
    made = confirmation(top_ups)
    back = checkout.Back("http://testserver/done", "http://testserver/left")
    purchase = checkout_open(made.purchase, back)
    top_ups.agree()
    sweep()
    assert len(top_ups.made) == 1, "one in flight"
    top_ups.simulated.pay(str(purchase.session_id))
    notice_write(purchase, "the customer came back")
    look()
    sweep()
    assert (top_ups.taken, credits_of(top_ups.workspace)) == (1_000, 2_090 * NANO)


def test_a_decline_after_it_was_switched_off_promises_nothing(top_ups: TopUps) -> None:
    top_ups.agree(FAILS_LATER)
    spend(top_ups.workspace, 60)
    begun = due.top_up_begin(top_ups.workspace)
    assert begun is not None
    auto_top_up_off(workspace=top_ups.workspace, by=top_ups.person, withdraw=False)
    due.top_up_charge(begun)
    (mail,) = top_ups.mails()
    assert "is tried again on" not in mail.text
    assert "it is not tried again" in mail.text


def test_what_is_not_confirmed_in_a_day_switches_it_off(top_ups: TopUps) -> None:
    made = confirmation(top_ups)
    with clock.at(made.purchase.created_at + CONFIRM_BY + timedelta(minutes=1)):
        look()
        sweep()
        sweep()
    (made,) = top_ups.made
    assert (made.purchase.status, made.outcome) == (Status.EXPIRED, "confirmation")
    assert (top_ups.row.enabled, top_ups.row.consent) == (False, None)
    assert [mail.kind for mail in top_ups.mails()] == ["topup.authentication", "topup.failed"]
    assert top_ups.taken == 0


def test_what_stripe_refuses_without_asking_the_bank_is_tried_again(top_ups: TopUps) -> None:
    User.objects.filter(pk=top_ups.person.pk).update(is_superuser=True)
    top_ups.agree()
    spend(top_ups.workspace, 60)
    error = {
        "type": "invalid_request_error",
        "code": "account_invalid",
        "message": "Your account cannot currently make live charges.",
    }
    top_ups.simulated.control("faults", on="payment_intents$", method="POST", times=2, status=400, error=error)
    now = clock.now()
    sweep()
    sweep()
    assert (len(top_ups.made), top_ups.row.waits_for, top_ups.row.enabled) == (1, "back_off", True)
    mail, told = top_ups.mails("topup.failed")[0], top_ups.mails("topup.alarm")[0]
    assert "live charges" not in mail.subject + mail.text, "what Stripe says then is for the operator"
    assert "is tried again on" in mail.text
    assert "cannot currently make live charges" in told.text
    for hours in (2, 9):
        with clock.at(now + timedelta(hours=hours)):
            sweep()
    assert [each.outcome for each in top_ups.made] == ["refused", "refused", "succeeded"]
    assert len(top_ups.mails("topup.alarm")) <= 2, "once a day"
    row = top_ups.row
    assert (row.declines, row.enabled, top_ups.taken) == (0, True, 1_000)


def test_a_card_that_is_gone_switches_it_off(top_ups: TopUps) -> None:
    consent = top_ups.agree()
    top_ups.agree_to("pm_gone")
    spend(top_ups.workspace, 60)
    sweep()
    (made,) = top_ups.made
    assert (made.outcome, made.purchase.status) == ("refused", Status.FAILED)
    assert not top_ups.row.enabled
    assert [mail.kind for mail in top_ups.mails()] == ["topup.failed"]
    top_ups.agree_to(consent.method)
    card_was_removed(workspace=top_ups.workspace, method=consent.method, by=top_ups.person)
    assert not top_ups.row.enabled
