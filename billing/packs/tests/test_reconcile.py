"""The nightly comparison: it misses nothing that is old, and takes nothing that is on its way for a difference."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import stripe

from billing.credits import clock
from billing.gateway.payments import Payment
from billing.packs import reconcile as module
from billing.packs.models import Purchase
from billing.packs.reconcile import reconcile
from billing.packs.tests.conftest import Buy, happened, paid, rewrite
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)


def differences() -> list[str]:
    return list(reconcile(now=clock.now()).differences)


def test_what_happens_late_to_an_old_purchase(shop: SimulatedStripe, buy: Buy) -> None:
    """Disputes come months after the payment."""
    first, second, third = (paid(shop, buy(key=key)) for key in "123")
    rewrite(created_at=clock.now() - timedelta(days=100))
    stripe.Refund.create(payment_intent=str(first.payment_id), amount=700)
    shop.control("disputes", payment_intent=second.payment_id)
    with shop.server.app.world.store.transaction():
        for purchase in (first, second, third):
            shop.server.app.world.get("payment_intent", str(purchase.payment_id))["created"] -= 100 * 86_400
    assert sorted(differences()) == sorted(
        [
            f"{first.public_id}: 0 refunded here, 700 at Stripe",
            f"{second.public_id}: 0 disputed here, 5000 at Stripe",
        ]
    )


def test_what_is_paid_meanwhile_is_no_difference(
    shop: SimulatedStripe, buy: Buy, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = module.payments_since
    before, begun = paid(shop, buy(key="before")), buy(key="begun")
    shop.pay(str(begun.session_id))  # and nobody has heard of it yet

    def busy(since: datetime) -> Iterator[Payment]:
        yield from list(lists(since))
        paid(shop, buy(key="meanwhile"))
        stripe.Refund.create(payment_intent=str(before.payment_id), amount=100)
        happened(before)

    with monkeypatch.context() as patched:
        patched.setattr(module, "payments_since", busy)
        assert differences() == []
    Purchase.objects.filter(pk=begun.pk).update(created_at=clock.now() - timedelta(hours=3))
    assert [each.split(": ")[1] for each in differences()] == [f"paid for {begun.public_id}, which is open"]


def test_money_that_was_kept_for_nothing(shop: SimulatedStripe, buy: Buy) -> None:
    """Another amount came than was asked for: every night until it is given back."""
    purchase = buy()
    rewrite(price=5_001, amount=5_001)
    purchase = paid(shop, purchase)
    assert purchase.status == Purchase.Status.FAILED
    assert differences() == [f"{purchase.public_id}: failed here, and 5000 usd of it are still at Stripe"]
    stripe.Refund.create(payment_intent=str(purchase.payment_id))
    assert differences() == []
