"""Customers, Checkout, charges, refunds and cards; and what is certain when Stripe does not answer."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe
from django.conf import LazySettings
from django.db import connection, transaction

from accounts.models import Workspace
from billing.gateway import checkout, client, looking, payments
from billing.gateway.client import how
from billing.gateway.customers import customer_ensure, customer_id, workspace_of
from billing.gateway.errors import AuthenticationNeeded, CardRefused, NotConnected, Refused, Unavailable
from billing.gateway.models import StripeCustomer
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db
BACK = checkout.Back(f"http://testserver/done?s={checkout.SESSION_ID}", "http://testserver/left")
PACK = [checkout.Line("1,000 credits", 2000)]


def begin(workspace: Workspace, key: str = "p1", **more: object) -> checkout.Session:
    given: dict[str, object] = {"lines": PACK, "currency": "usd", "back": BACK, "metadata": {"purchase": key}}
    return checkout.checkout_payment(workspace=workspace, key=key, email="a@example.com", **given | more)  # type: ignore[arg-type]


def save(simulated: SimulatedStripe, workspace: Workspace, number: str = "4242424242424242") -> payments.Card:
    session = checkout.checkout_setup(workspace=workspace, currency="usd", back=BACK, key=f"s{number}", metadata={})
    assert "redirect" in simulated.pay(session.id, number)
    return payments.cards(workspace)[0]


def charge(workspace: Workspace, card: payments.Card, key: str = "t1", amount: int = 1500) -> payments.Payment:
    return payments.charge_off_session(
        workspace=workspace,
        amount=amount,
        currency="usd",
        method=card.id,
        description="Automatic top-up",
        metadata={"topup": key},
        key=key,
    )


def test_a_workspace_is_one_customer(simulated: SimulatedStripe, workspace: Workspace) -> None:
    assert customer_id(workspace) is None
    made = customer_ensure(workspace, email="a@example.com")
    assert customer_ensure(workspace) == made == customer_id(workspace)
    assert workspace_of(made) == workspace
    theirs = stripe.Customer.retrieve(made)
    assert (theirs.email, theirs.name) == ("a@example.com", "Northwind AI")
    assert theirs.to_dict()["metadata"] == {"workspace": workspace.public_id}


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one(simulated: SimulatedStripe, workspace: Workspace) -> None:
    def ensure(_: int) -> str:
        try:
            return customer_ensure(workspace)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        made = set(pool.map(ensure, range(6)))
    assert len(made) == 1
    assert len(stripe.Customer.list().data) == 1
    assert StripeCustomer.objects.count() == 1


def test_one_that_stripe_has_lost_is_made_anew(simulated: SimulatedStripe, workspace: Workspace) -> None:
    lost = customer_ensure(workspace)
    stripe.Customer.delete(lost)
    session = begin(workspace)
    assert session.customer != lost
    assert customer_id(workspace) == session.customer


def test_live_and_test_mode_know_different_customers(
    simulated: SimulatedStripe, workspace: Workspace, settings: LazySettings
) -> None:
    test = customer_ensure(workspace)
    settings.STRIPE_LIVE_MODE = True
    assert customer_id(workspace) is None
    assert customer_ensure(workspace) != test


def test_a_pack_is_paid(simulated: SimulatedStripe, workspace: Workspace) -> None:
    session = begin(workspace)
    assert begin(workspace).id == session.id, "the same purchase leads to the same page"
    assert looking.session_state(session.id).payment is None
    simulated.pay(session.id)
    paid = looking.session_state(session.id).payment
    assert paid is not None
    assert (paid.paid, paid.received, paid.currency, paid.metadata) == (True, 2000, "usd", {"purchase": "p1"})
    assert payments.payment(paid.id) == paid
    assert [card.last4 for card in payments.cards(workspace)] == ["4242"]
    assert not checkout.checkout_expire(session.id)


def test_a_session_is_closed(simulated: SimulatedStripe, workspace: Workspace) -> None:
    session = begin(workspace)
    assert checkout.checkout_expire(session.id)
    assert not checkout.checkout_expire(session.id)
    assert simulated.pay(session.id) == {"expired": True}


def test_subscribing_and_the_portal(simulated: SimulatedStripe, workspace: Workspace) -> None:
    price = stripe.Price.create(
        unit_amount=2000, currency="usd", recurring={"interval": "month"}, product_data={"name": "Pro"}
    )
    session = checkout.checkout_subscription(
        workspace=workspace, price=price.id, back=BACK, key="sub", metadata={"plan": "pro"}, trial_days=7
    )
    simulated.pay(session.id)
    (made,) = stripe.Subscription.list(customer=session.customer).data
    assert (made.status, made.to_dict()["metadata"]) == ("trialing", {"plan": "pro"})
    url = checkout.portal_url(workspace=workspace, return_url="http://testserver/")
    assert url.startswith("http://testserver/simulated-stripe/portal/")


def test_an_off_session_charge_is_made_once(simulated: SimulatedStripe, workspace: Workspace) -> None:
    card = save(simulated, workspace)
    first = charge(workspace, card)
    assert charge(workspace, card) == first
    assert (first.paid, first.metadata) == (True, {"topup": "t1"})
    assert simulated.books()["totals"]["usd"]["charge"] == 1500


def test_banks_that_refuse(simulated: SimulatedStripe, workspace: Workspace) -> None:
    with pytest.raises(Refused, match="never saved"):
        payments.charge_off_session(
            workspace=workspace, amount=500, currency="usd", method="pm_x", description="", metadata={}, key="k"
        )
    failing = save(simulated, workspace, "4000000000000341")
    with pytest.raises(CardRefused) as refused:
        charge(workspace, failing, "declined")
    assert (refused.value.code, refused.value.decline_code) == ("card_declined", "generic_decline")
    assert payments.payment(refused.value.payment).status == "requires_payment_method"
    method = stripe.PaymentMethod.attach("pm_card_authenticationRequired", customer=str(customer_id(workspace)))
    asking = next(card for card in payments.cards(workspace) if card.id == method.id)
    with pytest.raises(AuthenticationNeeded):
        charge(workspace, asking, "asked")
    assert simulated.books()["totals"] == {}


def test_refunds(simulated: SimulatedStripe, workspace: Workspace) -> None:
    paid = charge(workspace, save(simulated, workspace))
    first = payments.refund_create(payment=paid.id, amount=500, key="r1", metadata={"lot": "1"})
    assert payments.refund_create(payment=paid.id, amount=500, key="r1", metadata={"lot": "1"}) == first
    with pytest.raises(Refused):
        payments.refund_create(payment=paid.id, amount=1001, key="r2", metadata={})
    assert payments.refunds_of(paid.id) == [first]
    assert payments.payment(paid.id).refunded == 500
    payments.refund_create(payment=paid.id, amount=1000, key="r3", metadata={})
    with pytest.raises(Refused) as refused:
        payments.refund_create(payment=paid.id, amount=1, key="r4", metadata={})
    assert refused.value.code == "charge_already_refunded"


def test_cards(simulated: SimulatedStripe, workspace: Workspace) -> None:
    assert payments.cards(workspace) == []
    old, new = save(simulated, workspace), save(simulated, workspace, "5555555555554444")
    payments.card_default(workspace=workspace, method=new.id)
    assert {card.last4: card.default for card in payments.cards(workspace)} == {"4242": False, "4444": True}
    other = Workspace.objects.create(name="Other")
    customer_ensure(other)
    for act in (payments.card_default, payments.card_remove):
        with pytest.raises(Refused):
            act(workspace=other, method=old.id)
    payments.card_remove(workspace=workspace, method=old.id)
    assert [card.last4 for card in payments.cards(workspace)] == ["4444"]


def test_a_wrong_key_and_none(simulated: SimulatedStripe, workspace: Workspace, settings: LazySettings) -> None:
    for key in ("sk_test_short", ""):
        settings.STRIPE_SECRET_KEY = key
        with pytest.raises(NotConnected):
            begin(workspace)


def test_a_server_that_fails_is_asked_again_with_the_same_key(simulated: SimulatedStripe, workspace: Workspace) -> None:
    card = save(simulated, workspace)
    simulated.control("faults", on="payment_intents", status=500, afterwards=True, times=1)
    assert charge(workspace, card, "once").paid
    simulated.control("faults", on="payment_intents", status=500, afterwards=True, times=2)
    with pytest.raises(Unavailable):
        charge(workspace, card, "twice")
    assert charge(workspace, card, "twice").paid
    assert simulated.books()["totals"]["usd"]["charge"] == 3000


def test_a_host_that_hangs_is_left(
    simulated: SimulatedStripe, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe, "default_http_client", stripe.RequestsClient(timeout=(0.2, 0.3)))
    monkeypatch.setattr(client, "RETRIES", 0)
    simulated.control("faults", on="customers", seconds=12)
    started = time.monotonic()
    with pytest.raises(Unavailable):
        begin(workspace)
    assert time.monotonic() - started < 10
    simulated.control("faults")


def test_nobody_listening(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe, "api_base", "http://127.0.0.1:9")
    with pytest.raises(Unavailable):
        begin(workspace)


def test_every_call_waits_only_so_long() -> None:
    http = stripe.default_http_client
    assert isinstance(http, stripe.RequestsClient)
    assert http._timeout == (client.CONNECT, client.READ)


@pytest.mark.django_db(transaction=True)
def test_no_lock_is_held_while_stripe_is_asked(simulated: SimulatedStripe) -> None:
    how()
    with transaction.atomic(), pytest.raises(RuntimeError, match="never asked within a transaction"):
        how()


def test_renamed_before_the_answer_came(simulated: SimulatedStripe, workspace: Workspace) -> None:
    """The same key with other content would be refused for a day."""
    simulated.control("faults", on="customers", method="POST", status=500, afterwards=True, times=2)
    email = f"{'long' * 40}@{'domain' * 10}.example.com"  # of what a key may have, 255 characters
    with pytest.raises(Unavailable):
        customer_ensure(workspace, email=email)
    workspace.name = "Renamed"
    assert customer_ensure(workspace, email=email).startswith("cus_")


def test_the_same_key_for_something_else_is_an_unknown_outcome(
    simulated: SimulatedStripe, workspace: Workspace
) -> None:
    begin(workspace)
    with pytest.raises(Unavailable, match="same key"):
        begin(workspace, lines=[checkout.Line("other", 100)])
