"""Refunds and disputes: ledger, invoice, credit note and Stripe agree after every sequence of them."""

import random
from typing import Any

import pytest
import stripe
from django.test import Client

from accounts.errors import Refused
from accounts.models import User, Workspace
from accounts.tests.quartet import page
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.invoices.models import Document
from billing.ledger.selectors import balance, refundable
from billing.packs.attending import notice_write
from billing.packs.clawback import refund_parts
from billing.packs.errors import NotRefundable, RefundWaits
from billing.packs.models import MoneyBack, Purchase
from billing.packs.moneyback import refund_ask, refundable_money, unspent_money
from billing.packs.policies import policy_update
from billing.packs.presenting import back_state, credits_out, state
from billing.packs.reconcile import reconcile
from billing.packs.selectors import forget_suspended, suspended
from billing.packs.shares import share
from billing.packs.tests.conftest import (
    Buy,
    Refunding,
    agree,
    code,
    credits_of,
    decide,
    dispute,
    happened,
    look,
    look_failing,
    paid,
    sound,
    spend,
)
from billing.plans.limits import UNLIMITED
from billing.usage.errors import UsageRefused
from billing.usage.limits import check_limits
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)
Status = MoneyBack.Status


def test_a_partial_refund_takes_its_share(growth: Purchase, workspace: Workspace, refund: Refunding) -> None:
    back = refund(1_000)
    assert (back.status, back.taken_credits) == (Status.GONE, 2_100 * NANO)
    assert credits_of(workspace) == 8_400 * NANO
    assert back.document is not None
    assert (back.document.total, back.document.credits) == (1_000, 2_100 * NANO)
    assert refundable_money(growth) == 4_000
    assert (state(growth), back_state(back)) == ("Partly refunded", "Refunded")
    assert "The money goes back to the card" in OutboxMessage.objects.get(kind="invoice.credit_note").text
    agree(growth, kept=4_000)


def test_the_same_form_refunds_once(growth: Purchase, refund: Refunding, shop: SimulatedStripe) -> None:
    assert refund(1_000) == refund(1_000)
    assert shop.books()["totals"]["usd"]["refund"] == -1_000
    with pytest.raises(NotRefundable, match="other values"):
        refund(2_000)
    with pytest.raises(NotRefundable, match=r"at most \$40.00"):
        refund(4_001, "r2")
    agree(growth, kept=4_000)


def test_in_odd_parts_everything_goes(growth: Purchase, workspace: Workspace, refund: Refunding) -> None:
    for number, amount in enumerate((333, 1_667, 1, 2_999)):
        refund(amount, f"r{number}")
    assert credits_of(workspace) == 0
    assert refundable_money(growth) == 0
    assert Document.objects.filter(kind="credit_note").count() == 4
    agree(growth, kept=0)


def test_what_is_spent_becomes_debt(growth: Purchase, workspace: Workspace, refund: Refunding) -> None:
    spend(workspace, 9_000)
    parts = refund_parts(growth, 5_000)
    assert sum(part.takes for part in parts) == 10_500 * NANO
    assert sum(part.spent for part in parts) == 9_000 * NANO
    refund(5_000)
    found = balance(workspace.pk)
    assert (found.available, found.debt) == (0, 9_000 * NANO)
    agree(growth, kept=0)


def test_the_unspent_part(growth: Purchase, workspace: Workspace, refund: Refunding) -> None:
    assert unspent_money(growth) == 5_000
    spend(workspace, 500 + 4_000)  # the bonus burns first
    assert unspent_money(growth) == 3_000
    refund(3_000)
    found = balance(workspace.pk)
    # 6,000 bought ones went with the money, and 300 of the bonus that were used already.
    assert found.available - found.debt == -300 * NANO
    agree(growth, kept=2_000)


def test_refunded_at_stripe(growth: Purchase, workspace: Workspace, shop: SimulatedStripe) -> None:
    stripe.Refund.create(payment_intent=str(growth.payment_id), amount=2_500)
    happened(growth)
    happened(growth)
    (back,) = growth.money_back.all()
    assert (back.actor, back.amount, back.status) == ("Stripe", 2_500, Status.GONE)
    assert credits_of(workspace) == 5_250 * NANO
    agree(growth, kept=2_500)


def test_a_refund_that_fails_gives_all_of_it_back(
    growth: Purchase, workspace: Workspace, refund: Refunding, shop: SimulatedStripe
) -> None:
    spend(workspace, 9_000)
    back = refund(2_500)
    shop.control("refunds/fail", refund=back.stripe_id)
    happened(growth)
    happened(growth)
    back.refresh_from_db()
    assert back.status == Status.BACK
    assert back.again is not None
    assert credits_of(workspace) == 1_500 * NANO
    assert OutboxMessage.objects.filter(kind="purchase.problem").count() == 0, "nobody is superuser here"
    sound(workspace)
    invoiced = sum(each.total for each in Document.objects.filter(kind="invoice"))
    credited = sum(each.total for each in Document.objects.filter(kind="credit_note"))
    assert invoiced - credited == 5_000
    assert reconcile(now=clock.now()).differences == []


def test_stripe_does_not_answer_a_refund(
    growth: Purchase, workspace: Workspace, refund: Refunding, shop: SimulatedStripe
) -> None:
    shop.control("faults", on="refunds", method="POST", status=500, afterwards=True, times=2)
    with pytest.raises(RefundWaits):
        refund(1_000)
    assert MoneyBack.objects.get().status == Status.ASKED
    assert refundable_money(growth) == 4_000, "it may be on its way"
    Purchase.objects.update(look_at=clock.now())
    look()
    assert MoneyBack.objects.get().status == Status.GONE
    assert shop.books()["totals"]["usd"]["refund"] == -1_000
    growth.refresh_from_db()
    assert growth.look_at is None
    agree(growth, kept=4_000)


def test_what_stripe_does_not_refund(
    growth: Purchase, workspace: Workspace, refund: Refunding, shop: SimulatedStripe
) -> None:
    stripe.Refund.create(payment_intent=str(growth.payment_id), amount=5_000)
    with pytest.raises(Refused, match="Stripe says"):
        refund(1_000)
    assert sorted(growth.money_back.values_list("status", flat=True)) == [Status.GONE, Status.REFUSED]
    agree(growth, kept=0)


def test_a_dispute_takes_the_credits_out_and_a_won_one_gives_them_back(
    growth: Purchase, workspace: Workspace, shop: SimulatedStripe, alice_client: Client
) -> None:
    spend(workspace, 1_000)
    before = credits_of(workspace)
    key = dispute(shop, growth)
    assert credits_of(workspace) == -1_000 * NANO
    assert (state(growth), credits_out(growth)) == ("Disputed", 10_500 * NANO)
    shown = alice_client.get(page(workspace, f"credits/purchases/{growth.public_id}")).content.decode()
    assert "Until that is decided, 10,500 of them cannot be used." in shown
    assert "You can use them now" not in shown
    assert Document.objects.filter(kind="credit_note").count() == 0
    sound(workspace)
    decide(shop, growth, key, "won")
    assert credits_of(workspace) == before
    assert (state(growth), back_state(MoneyBack.objects.get())) == ("Credited", "Payment stands")
    assert MoneyBack.objects.get().status == Status.BACK
    agree(growth, kept=5_000)


def test_a_lost_one_is_credited_and_a_late_refund_takes_nothing_twice(
    growth: Purchase, workspace: Workspace, shop: SimulatedStripe, refund: Refunding
) -> None:
    refund(1_000)
    key = dispute(shop, growth)
    decide(shop, growth, key, "lost")
    assert credits_of(workspace) == 0
    assert state(growth) == "Refunded"
    assert sorted(note.total for note in Document.objects.filter(kind="credit_note")) == [1_000, 4_000]
    with pytest.raises(NotRefundable):
        refund(1_000, "late")
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Refund.create(payment_intent=str(growth.payment_id), amount=100)
    agree(growth, kept=0)


def test_a_part_is_disputed(growth: Purchase, workspace: Workspace, shop: SimulatedStripe) -> None:
    key = dispute(shop, growth, 2_000)
    assert credits_of(workspace) == 6_300 * NANO
    decide(shop, growth, key, "lost")
    assert credits_of(workspace) == 6_300 * NANO
    agree(growth, kept=3_000)


def test_with_the_policy_nothing_only_a_lost_one_takes(
    growth: Purchase, workspace: Workspace, shop: SimulatedStripe, alice: User
) -> None:
    policy_update(on_dispute="nothing", actor=alice)
    key = dispute(shop, growth)
    assert credits_of(workspace) == 10_500 * NANO
    assert not suspended(workspace.pk)
    decide(shop, growth, key, "lost")
    assert credits_of(workspace) == 0
    agree(growth, kept=0)


def test_with_the_policy_suspend_new_requests_are_declined(
    growth: Purchase, workspace: Workspace, shop: SimulatedStripe, alice: User, buy: Buy
) -> None:
    policy_update(on_dispute="suspend", actor=alice)
    paid(shop, buy("starter", key="2"))
    key = dispute(shop, growth)
    assert suspended(workspace.pk)
    given: dict[str, Any] = {"usage": {}, "variant": {}, "prices": None}
    with pytest.raises(UsageRefused) as refused:
        check_limits(workspace.pk, UNLIMITED, **given)
    assert refused.value.code == "payment_disputed"
    decide(shop, growth, key, "won")
    check_limits(workspace.pk, UNLIMITED, **given)
    assert credits_of(workspace) == 12_500 * NANO


def test_operators_are_told_of_a_dispute_once(
    growth: Purchase, workspace: Workspace, shop: SimulatedStripe, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    dispute(shop, growth)
    happened(growth)
    (message,) = OutboxMessage.objects.filter(kind="purchase.dispute")
    assert "$50.00" in message.subject
    assert str(growth.payment_id) in message.text
    forget_suspended()


def test_with_the_dispute_card(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    """Paid, credited and disputed at once."""
    purchase = paid(shop, buy(), "4000000000000259")
    assert purchase.status == Purchase.Status.FULFILLED
    assert credits_of(workspace) == 0
    assert purchase.money_back.get().status == Status.OPEN
    sound(workspace)


def test_a_reconciliation_finds_what_differs(
    growth: Purchase, workspace: Workspace, shop: SimulatedStripe, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    assert reconcile(now=clock.now()).differences == []
    stripe.Refund.create(payment_intent=str(growth.payment_id), amount=700)  # and nobody hears of it
    stripe.PaymentIntent.create(
        amount=900,
        currency="usd",
        payment_method="pm_card_visa",
        confirm=True,
        metadata={"purchase": "pur_of_another_database"},
    )
    found = reconcile(now=clock.now()).differences
    assert len(found) == 2
    assert any("0 refunded here, 700 at Stripe" in each for each in found)
    assert any("no purchase here knows of it" in each for each in found)
    assert OutboxMessage.objects.filter(kind="purchase.differences").count() == 1


def test_the_nightly_job_alarms(growth: Purchase, shop: SimulatedStripe) -> None:
    from billing.foundation.due.registry import run_due

    (run,) = run_due(only="payments_reconcile")
    assert run.error == ""
    stripe.Refund.create(payment_intent=str(growth.payment_id), amount=700)
    (run,) = run_due(only="payments_reconcile")
    assert "700 at Stripe" in run.error


def test_a_worker_that_cannot_reach_stripe_says_so(growth: Purchase, shop: SimulatedStripe) -> None:
    shop.control("faults", on="refunds", method="GET", status=500, times=2)
    notice_write(growth, "refund.created")
    assert "does not answer" in look_failing().error


# In the second and the fourth each of it happens.
@pytest.mark.parametrize("seed", [2, 4, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 3))])
def test_any_sequence_ends_in_agreement(
    seed: int, shop: SimulatedStripe, workspace: Workspace, buy: Buy, alice: User
) -> None:
    """Two purchases, usage, a code; refunds here, there and failing, disputes won and lost, told of or not."""
    chance = random.Random(seed)
    code("MORE", bonus_credits=333 * NANO)
    bought = [paid(shop, buy("starter", key="1", code="MORE")), paid(shop, buy(key="2"))]
    policy_update(on_dispute=chance.choice(["nothing", "hold", "suspend"]), actor=alice)
    disputed: dict[int, str] = {}
    for step in range(10):
        purchase = chance.choice(bought)
        left, act = refundable_money(purchase), chance.randrange(6)
        if act == 0 and (free := balance(workspace.pk).available // NANO):
            spend(workspace, chance.randint(1, free), f"spent-{step}")
        elif act in (1, 2) and left and purchase.pk not in disputed:
            amount, key = chance.randint(1, left), f"r{step}"
            if act == 1:
                refund_ask(purchase=purchase, amount=amount, reason="test", key=key, actor=alice)
            else:
                stripe.Refund.create(payment_intent=str(purchase.payment_id), amount=amount)
        elif act == 3 and (gone := purchase.money_back.filter(kind="refund", status="gone").first()):
            shop.control("refunds/fail", refund=gone.stripe_id)
        elif act == 4 and left and purchase.pk not in disputed:
            happened(purchase)
            if left := refundable_money(purchase):
                made = shop.control("disputes", payment_intent=purchase.payment_id, amount=chance.randint(1, left))
                disputed[purchase.pk] = str(made["id"])
        elif act == 5 and disputed.get(purchase.pk):
            shop.control("disputes/decide", dispute=disputed[purchase.pk], outcome=chance.choice(["won", "lost"]))
            disputed[purchase.pk] = ""
        if chance.random() < 0.7:
            happened(purchase)
    for purchase in bought:
        if disputed.get(purchase.pk):
            shop.control("disputes/decide", dispute=disputed[purchase.pk], outcome=chance.choice(["won", "lost"]))
        happened(purchase)
        gone = sum(back.amount for back in purchase.money_back.filter(status=Status.GONE))
        assert all(back.credits_are_out == (back.status == Status.GONE) for back in purchase.money_back.all())
        for lot in (purchase.lot, purchase.bonus_lot, purchase.promotion_lot):
            if lot is not None:
                back = refundable(workspace.pk, lot.pk)
                assert back is not None
                assert 0 <= share(lot.amount, gone, purchase.amount) - back.taken_back <= 10  # a nano per round
    sound(workspace)
    assert reconcile(now=clock.now()).differences == []
    assert len(bought) == 2
