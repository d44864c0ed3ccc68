"""From the choice to the credits, over HTTP against the stand-in: once, whatever happens in between."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from time import monotonic
from typing import Any

import pytest
import stripe
from django.conf import LazySettings
from django.db import IntegrityError, connection, transaction

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.gateway import client, waiting
from billing.invoices.models import Document
from billing.invoices.seller import seller_update
from billing.ledger.selectors import pending
from billing.ledger.verify import verify
from billing.packs.attending import notice_write
from billing.packs.buying import purchase_leave
from billing.packs.errors import NoSuchPack, NotLeft, PaymentRefused, PaymentsDown, PaymentsOff, PurchaseConflict
from billing.packs.fulfilment import ABANDONED_AFTER, purchase_fulfil, purchase_look
from billing.packs.models import Notice, Pack, Purchase
from billing.packs.reconcile import reconcile
from billing.packs.selectors import offers_for, packs_for
from billing.packs.tests.conftest import Buy, credits_of, look, look_failing, lots, paid, rewrite, sound
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)
Status = Purchase.Status


def test_three_packs_are_shipped(workspace: Workspace) -> None:
    assert [each.key for each in packs_for(workspace)] == ["starter", "growth", "scale"]
    growth = offers_for(workspace)[1]
    assert (growth.credits, growth.unit_price) == (10_500 * NANO, Decimal("0.004761904762"))


def test_packs_are_for_plans(workspace: Workspace) -> None:
    Pack.objects.filter(key="scale").update(plans=["enterprise"])
    Pack.objects.filter(key="growth").update(plans=["free"])
    Pack.objects.filter(key="starter").update(active=False)
    assert [each.key for each in packs_for(workspace)] == []
    from billing.plans.services import start_default_plan

    start_default_plan(workspace)
    assert [each.key for each in packs_for(workspace)] == ["growth"]


def test_a_pack_is_bought(shop: SimulatedStripe, workspace: Workspace, buy: Buy, alice: User) -> None:
    seller_update(changes={"tax_percent": Decimal(19)}, actor=alice)
    purchase = buy()
    assert (purchase.status, purchase.amount, purchase.total_credits) == (Status.OPEN, 5_000, 10_500 * NANO)
    assert pending(workspace.pk) == 10_500 * NANO
    assert credits_of(workspace) == 0
    purchase = paid(shop, purchase)
    assert purchase.status == Status.FULFILLED
    assert credits_of(workspace) == 10_500 * NANO
    assert pending(workspace.pk) == 0
    bought, bonus = lots(workspace)
    assert (bought.source, bought.amount, bonus.source, bonus.amount) == (
        "bought",
        10_000 * NANO,
        "promotion",
        500 * NANO,
    )
    assert bought.unit_price_usd == Decimal("0.0042020000")  # $50.00 with 19 % tax in it are $42.02
    assert bonus.unit_price_usd is None
    assert bought.expires_at is not None
    assert timedelta(364) < bought.expires_at - clock.now() < timedelta(366)
    invoice = purchase.document
    assert invoice is not None
    assert (invoice.total, invoice.tax, invoice.amount_paid, invoice.status) == (5_000, 798, 5_000, "paid")
    assert invoice.credits == 10_500 * NANO
    assert OutboxMessage.objects.filter(kind="invoice.receipt").count() == 1
    sound(workspace)


def test_the_same_request_is_the_same_purchase(shop: SimulatedStripe, buy: Buy) -> None:
    first = buy()
    assert buy() == first
    assert Purchase.objects.count() == 1
    assert len(stripe.checkout.Session.list().data) == 1
    with pytest.raises(PurchaseConflict):
        buy("starter")
    assert buy(key="other") != first


def test_an_edited_pack_changes_nothing_that_was_begun(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    purchase = buy()
    Pack.objects.filter(key="growth").update(credits=1, price=99_999, name="Else", active=False)
    paid(shop, purchase)
    assert credits_of(workspace) == 10_500 * NANO
    assert Document.objects.get().total == 5_000


def test_what_is_not_for_sale(shop: SimulatedStripe, buy: Buy) -> None:
    for key in ("nope", "no\0pe", ""):
        with pytest.raises(NoSuchPack):
            buy(key)
    Pack.objects.filter(key="growth").update(active=False)
    with pytest.raises(NoSuchPack):
        buy()
    assert Purchase.objects.count() == 0


def test_attended_to_often_it_is_credited_once(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    purchase = paid(shop, buy())
    for _ in range(3):
        notice_write(purchase, "again")
        look()
        purchase_look(purchase)
        purchase_fulfil(purchase.pk)
    assert credits_of(workspace) == 10_500 * NANO
    assert Document.objects.count() == 1
    assert Notice.objects.count() == 0


def test_nothing_is_credited_before_it_is_paid(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    purchase = buy()
    assert "error" in shop.pay(str(purchase.session_id), "4000000000000002")
    notice_write(purchase, "payment_intent.payment_failed")
    look()
    purchase.refresh_from_db()
    assert (purchase.status, credits_of(workspace)) == (Status.OPEN, 0)
    assert paid(shop, purchase).status == Status.FULFILLED


def test_without_a_webhook_the_clock_finds_it_after_15_minutes(
    shop: SimulatedStripe, workspace: Workspace, buy: Buy
) -> None:
    purchase = buy()
    shop.pay(str(purchase.session_id))
    look()
    assert credits_of(workspace) == 0
    Purchase.objects.update(look_at=clock.now())
    look()
    assert credits_of(workspace) == 10_500 * NANO
    purchase.refresh_from_db()
    assert purchase.look_at is None


def test_an_abandoned_one_is_closed_and_cannot_be_paid_any_more(
    shop: SimulatedStripe, workspace: Workspace, buy: Buy
) -> None:
    purchase = buy()
    Purchase.objects.update(look_at=clock.now())
    look()
    purchase.refresh_from_db()
    assert purchase.status == Status.OPEN
    assert purchase.look_at is not None
    assert purchase.look_at > clock.now()
    Purchase.objects.update(look_at=clock.now(), created_at=clock.now() - ABANDONED_AFTER)
    look()
    purchase.refresh_from_db()
    assert (purchase.status, purchase.look_at) == (Status.EXPIRED, None)
    assert shop.pay(str(purchase.session_id)) == {"expired": True}
    assert pending(workspace.pk) == 0


def test_paid_at_the_last_moment_it_counts(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    purchase = buy()
    shop.pay(str(purchase.session_id))
    Purchase.objects.update(look_at=clock.now(), created_at=clock.now() - ABANDONED_AFTER)
    look()
    assert credits_of(workspace) == 10_500 * NANO


def test_interrupted_before_the_page_was_kept(
    shop: SimulatedStripe, workspace: Workspace, buy: Buy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies with Stripe's answer: the same request goes on with the same session; nobody paid twice."""
    from billing.packs import buying

    ask = buying.checkout_payment

    def dies(**given: object) -> object:
        ask(**given)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(buying, "checkout_payment", dies)
        with pytest.raises(KeyboardInterrupt):
            buy()
    (session,) = stripe.checkout.Session.list().data
    assert buy().session_id == session.id
    Purchase.objects.update(session_id=None, session_url="", look_at=clock.now())
    look()
    assert Purchase.objects.get().status == Status.OPEN, "young: somebody may still be waiting for the answer"
    Purchase.objects.update(look_at=clock.now(), created_at=clock.now() - timedelta(minutes=16))
    look()
    assert Purchase.objects.get().status == Status.CANCELED
    assert credits_of(workspace) == 0


def test_a_session_that_got_lost_and_was_paid_all_the_same(
    shop: SimulatedStripe, workspace: Workspace, buy: Buy
) -> None:
    purchase = buy()
    session = str(purchase.session_id)
    shop.pay(session)
    Purchase.objects.update(session_id=None, status=Status.CANCELED, look_at=None, closed_at=clock.now())
    notice_write(purchase, "checkout.session.completed", session)
    look()
    assert credits_of(workspace) == 10_500 * NANO
    sound(workspace)


def test_other_money_than_asked_for_is_not_credited(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    purchase = buy()
    rewrite(price=5_001, amount=5_001)
    purchase = paid(shop, purchase)
    assert (purchase.status, credits_of(workspace)) == (Status.FAILED, 0)
    assert "5001" in purchase.problem
    assert Document.objects.count() == 0


def test_somebody_elses_session_is_not_credited(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    """A paid session whose metadata names another purchase."""
    first, second = buy(key="1"), buy(key="2")
    shop.pay(str(first.session_id))
    Purchase.objects.filter(pk=first.pk).update(session_id=None)
    Purchase.objects.filter(pk=second.pk).update(session_id=first.session_id)
    notice_write(second, "forged")
    look()
    second.refresh_from_db()
    assert (second.status, credits_of(workspace)) == (Status.FAILED, 0)


def test_stripe_errs_hangs_or_is_not_there(
    shop: SimulatedStripe, workspace: Workspace, buy: Buy, settings: LazySettings
) -> None:
    shop.control("faults", on="checkout/sessions", status=500, afterwards=True, times=2)
    with pytest.raises(PaymentsDown, match="Nothing was charged"):
        buy()
    purchase = buy()
    assert len(stripe.checkout.Session.list().data) == 1, "asked again with the same key"
    shop.pay(str(purchase.session_id))
    notice_write(purchase, "test")
    shop.control("faults", on="checkout/sessions", method="GET", status=500, times=2)
    assert "does not answer" in look_failing().error
    assert Notice.objects.count() == 1
    Notice.objects.update(at=clock.now())
    look()
    assert credits_of(workspace) == 10_500 * NANO
    settings.STRIPE_SECRET_KEY = "sk_test_short"
    with pytest.raises(PaymentsOff):
        buy(key="wrong key")
    assert Purchase.objects.get(key="wrong key").status == Status.CANCELED
    settings.STRIPE_SECRET_KEY = ""
    with pytest.raises(PaymentsOff):
        buy(key="no key")


def test_what_stripe_refuses_is_closed(shop: SimulatedStripe, buy: Buy) -> None:
    Pack.objects.filter(key="growth").update(price=10)
    with pytest.raises(PaymentRefused):
        buy()
    assert Purchase.objects.get().status == Status.FAILED


def test_one_that_fails_keeps_no_other_from_its_credits(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    Pack.objects.filter(key="growth").update(credits=2**63 - 1)  # does not fit the ledger together with its bonus
    bad, good = buy(key="bad"), buy("starter", key="good")
    for purchase in (bad, good):
        shop.pay(str(purchase.session_id))
        notice_write(purchase, "test")
    assert "1 purchases attended to, 1 not" in look_failing().error
    assert credits_of(workspace) == 2_000 * NANO
    bad.refresh_from_db()
    assert bad.status == Status.PAID, "paid, and tried again until a person helps"


def test_a_host_that_hangs_takes_two_threads_at_most(
    shop: SimulatedStripe, workspace: Workspace, buy: Buy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are told at once that it does not answer, and nothing is charged twice afterwards."""
    monkeypatch.setattr(stripe, "default_http_client", stripe.RequestsClient(timeout=(0.5, 1.2)))
    monkeypatch.setattr(client, "RETRIES", 0)
    monkeypatch.setattr(waiting, "TURN", 0.1)
    shop.control("faults", on="customers", seconds=2, times=4)

    def attempt(number: int) -> str:
        try:
            return buy(key=f"k{number}").status
        except PaymentsDown as refused:
            return type(refused.__cause__).__name__
        finally:
            connection.close()

    started = monotonic()
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(attempt, range(6))) == {"Unavailable"}
    assert monotonic() - started < 3
    shop.control("faults")
    for number in range(6):
        buy(key=f"k{number}")
    assert Purchase.objects.count() == 6
    assert len(stripe.checkout.Session.list().data) == 6


def test_what_was_promised_paid_and_credited_stays_so(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    purchase = paid(shop, buy())
    rows = Purchase.objects.filter(pk=purchase.pk)
    for changes in (
        {"credits": 1},
        {"price": 1, "amount": 1},
        {"name": "Else"},
        {"payment_id": "pi_else"},
        {"status": "failed", "lot": None, "document": None, "fulfilled_at": None},
        {"bonus_lot": None},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**changes)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.delete()
    rows.update(look_at=None, problem="a note")
    sound(workspace)
    rewrite(credits=9_999 * NANO)
    (problem,) = verify(workspace_id=workspace.pk).problems
    assert "promised 9999 credits (bought), 10000 were granted" in problem.detail
    assert any("were granted" in each for each in reconcile(now=clock.now()).differences)


def test_paid_between_a_look_and_the_closing(
    shop: SimulatedStripe, workspace: Workspace, buy: Buy, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stripe closes no page that was paid: that is no error, and the payment counts."""
    purchase = buy()
    close = stripe.checkout.Session.expire

    def late(session: str, **given: Any) -> Any:
        shop.pay(session)
        return close(session, **given)

    monkeypatch.setattr(stripe.checkout.Session, "expire", late)
    assert purchase_leave(purchase=purchase, actor=alice).status == Status.FULFILLED
    assert credits_of(workspace) == 10_500 * NANO


def test_not_known_whether_it_was_paid(shop: SimulatedStripe, buy: Buy, alice: User) -> None:
    purchase = buy()
    shop.pay(str(purchase.session_id))
    shop.control("faults", on="checkout/sessions", method="GET", status=500, times=2)
    with pytest.raises(NotLeft, match="could not be canceled"):
        purchase_leave(purchase=purchase, actor=alice)
    assert purchase_leave(purchase=purchase, actor=alice).status == Status.FULFILLED


def test_a_dispute_that_came_before_the_credits(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    """Nothing told us of it, and Stripe does not answer when it is asked for the first time."""
    purchase = buy()
    shop.pay(str(purchase.session_id), "4000000000000259")
    shop.control("faults", on="refunds", method="GET", status=500, times=2)
    Purchase.objects.update(look_at=clock.now())
    look_failing()
    assert credits_of(workspace) == 10_500 * NANO
    Purchase.objects.filter(look_at__isnull=False).update(look_at=clock.now())
    look()
    assert credits_of(workspace) == 0
    purchase.refresh_from_db()
    assert purchase.look_at is None


def test_more_is_on_its_way_than_a_column_holds(shop: SimulatedStripe, workspace: Workspace, buy: Buy) -> None:
    Pack.objects.filter(key="growth").update(credits=2**63 - 1)
    buy()
    assert pending(workspace.pk) == 2**63 - 1 + 500 * NANO
