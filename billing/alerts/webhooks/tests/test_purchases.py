"""Purchases are events in the transaction that credits, or ends, them."""

import json
from datetime import timedelta

import pytest

from accounts.models import Workspace
from billing.alerts.webhooks.lots import lots_look
from billing.alerts.webhooks.models import WebhookEvent
from billing.credits import clock
from billing.credits.units import NANO
from billing.packs import hooks
from billing.packs.attending import notice_write
from billing.packs.autotopup.tests.conftest import FAILS_LATER, TopUps, spend, sweep, top_ups  # noqa: F401
from billing.packs.fulfilment import purchase_end
from billing.packs.models import Purchase
from billing.packs.tests.conftest import Buy, buy, credits_of, look, look_failing, paid, shop  # noqa: F401 - fixtures
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)


def _events() -> list[WebhookEvent]:
    return list(WebhookEvent.objects.filter(type__startswith="topup."))


def test_credits_that_were_bought_are_told_once(
    shop: SimulatedStripe,  # noqa: F811
    workspace: Workspace,
    buy: Buy,  # noqa: F811
) -> None:
    lots_look(now=clock.now(), limit=100)  # what was there before is history
    purchase = paid(shop, buy())
    (event,) = _events()
    assert (event.type, event.workspace) == ("topup.succeeded", workspace)
    data = json.loads(event.payload)["data"]
    assert data["purchase"] == {
        "id": purchase.public_id,
        "name": purchase.name,
        "price": {"amount": 5_000, "currency": "usd"},
        "automatic": False,
        "reason": None,
        "method": "card",
        "network": None,
        "transaction": None,
    }
    assert (data["credits"], data["credits_nano"]) == (10_500, "10500000000000")
    lots_look(now=clock.now(), limit=100)
    assert WebhookEvent.objects.filter(type="grant.created").count() == 2  # what was paid for, and the bonus


def test_an_automatic_charge_says_why(top_ups: TopUps) -> None:  # noqa: F811
    top_ups.agree(FAILS_LATER)
    spend(top_ups.workspace, 60)
    sweep()
    top_ups.agree()
    sweep()
    told = [(event.type, json.loads(event.payload)["data"]["purchase"]) for event in _events()]
    assert [type for type, _ in told] == ["topup.succeeded", "topup.failed"], "the latest first"
    for _, purchase in told:
        assert purchase["automatic"]
        assert purchase["reason"] == "The balance was 90 credits, below 100 credits; 1 × 2,000 credits"


def test_what_cannot_be_recorded_undoes_the_crediting_and_both_come_later(
    shop: SimulatedStripe,  # noqa: F811
    workspace: Workspace,
    buy: Buy,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(purchase: Purchase) -> None:
        raise RuntimeError("no room")

    begun = buy()
    with monkeypatch.context() as patched:
        patched.setattr(hooks, "purchase_fulfilled", [broken])
        assert "redirect" in shop.pay(str(begun.session_id), "4242424242424242")
        notice_write(begun, "test")
        assert "no room" in look_failing().error
    begun.refresh_from_db()
    assert (begun.status, credits_of(workspace), _events()) == ("paid", 0, [])
    with clock.at(clock.now() + timedelta(minutes=2)):
        look()
    assert credits_of(workspace) == 10_500 * NANO
    assert [event.type for event in _events()] == ["topup.succeeded"]


def test_one_that_failed_is_told(shop: SimulatedStripe, buy: Buy) -> None:  # noqa: F811
    purchase = buy()
    purchase_end(purchase.pk, Purchase.Status.FAILED)
    purchase_end(purchase.pk, Purchase.Status.FAILED)
    assert [event.type for event in _events()] == ["topup.failed"]


def test_one_that_nobody_paid_is_no_news(shop: SimulatedStripe, buy: Buy) -> None:  # noqa: F811
    purchase_end(buy().pk, Purchase.Status.EXPIRED)
    assert _events() == []
