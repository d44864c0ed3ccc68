"""Payments, refunds and disputes through the real SDK."""

from collections.abc import Callable

import pytest
import stripe

from portal.testing.simulated import SimulatedStripe

Card = Callable[[str], stripe.PaymentMethod]


def charge(customer: stripe.Customer, method: str, amount: int = 2000, **more: object) -> stripe.PaymentIntent:
    return stripe.PaymentIntent.create(
        amount=amount,
        currency="usd",
        customer=customer.id,
        payment_method=method,
        confirm=True,
        off_session=True,
        **more,  # type: ignore[arg-type]
    )


def test_an_off_session_charge_succeeds_and_is_in_the_books(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card
) -> None:
    intent = charge(
        customer, card("pm_card_visa").id, metadata={"pack": "7"}, expand=["latest_charge.balance_transaction"]
    )
    assert (intent.status, intent.amount_received) == ("succeeded", 2000)
    made = intent.latest_charge
    assert isinstance(made, stripe.Charge)
    assert made.metadata["pack"] == "7"
    entry = made.balance_transaction
    assert isinstance(entry, stripe.BalanceTransaction)
    assert (entry.amount, entry.fee, entry.net) == (2000, 88, 1912)
    assert simulated.books()["totals"] == {"usd": {"charge": 2000, "fee": 88, "net": 1912}}
    assert simulated.kinds()[-2:] == ["charge.succeeded", "payment_intent.succeeded"]


@pytest.mark.parametrize(
    ("token", "code", "decline"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ],
)
def test_a_declined_card_says_why_and_keeps_the_payment_to_try_again(
    simulated: SimulatedStripe, token: str, code: str, decline: str
) -> None:
    with pytest.raises(stripe.CardError) as refused:
        stripe.PaymentIntent.create(amount=500, currency="usd", payment_method=token, confirm=True)
    error = refused.value
    assert (error.http_status, error.code, error.error.decline_code) == (402, code, decline)
    intent = stripe.PaymentIntent.retrieve(error.error.payment_intent.id)
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.decline_code == decline
    again = stripe.PaymentIntent.confirm(intent.id, payment_method="pm_card_visa")
    assert again.status == "succeeded"
    assert len(stripe.Charge.list(payment_intent=intent.id).data) == 2


def test_a_card_that_banks_refuse_cannot_be_saved(customer: stripe.Customer) -> None:
    with pytest.raises(stripe.CardError):
        stripe.PaymentMethod.attach("pm_card_visa_chargeDeclined", customer=customer.id)
    assert stripe.Customer.list_payment_methods(customer.id).data == []


def test_a_card_may_be_saved_and_fail_later(customer: stripe.Customer, card: Card) -> None:
    method = card("pm_card_chargeCustomerFail")
    with pytest.raises(stripe.CardError, match="declined"):
        charge(customer, method.id)


def test_off_session_nobody_can_authenticate(customer: stripe.Customer, card: Card) -> None:
    method = card("pm_card_authenticationRequired")
    with pytest.raises(stripe.CardError) as refused:
        charge(customer, method.id)
    error = refused.value
    assert (error.http_status, error.code) == (402, "authentication_required")
    assert error.error.payment_intent.status == "requires_payment_method"
    assert error.error.payment_method.id == method.id


def test_on_session_the_bank_asks_and_the_answer_counts(simulated: SimulatedStripe, customer: stripe.Customer) -> None:
    def begun() -> stripe.PaymentIntent:
        return stripe.PaymentIntent.create(
            amount=900,
            currency="usd",
            customer=customer.id,
            payment_method="pm_card_authenticationRequired",
            confirm=True,
            return_url="http://testserver/back?x=1",
        )

    refused, approved = begun(), begun()
    assert refused.status == "requires_action"
    assert refused.next_action is not None
    assert refused.next_action.redirect_to_url is not None
    assert str(refused.next_action.redirect_to_url.url).endswith(f"/authentication/{refused.id}/")
    back = simulated.client.post(f"_hosted/authentication/{refused.id}", approve=False)["redirect"]
    assert back == f"http://testserver/back?x=1&payment_intent={refused.id}&redirect_status=failed"
    assert stripe.PaymentIntent.retrieve(refused.id).status == "requires_payment_method"
    for _ in range(2):  # pressed twice
        simulated.client.post(f"_hosted/authentication/{approved.id}", approve=True)
    assert stripe.PaymentIntent.retrieve(approved.id).status == "succeeded"
    assert simulated.books()["totals"]["usd"]["charge"] == 900


def test_a_card_set_up_with_authentication_can_be_charged_later(
    simulated: SimulatedStripe, customer: stripe.Customer
) -> None:
    intent = stripe.SetupIntent.create(
        customer=customer.id, payment_method="pm_card_authenticationRequiredOnSetup", confirm=True
    )
    assert intent.status == "requires_action"
    simulated.client.post(f"_hosted/authentication/{intent.id}", approve=True)
    intent = stripe.SetupIntent.retrieve(intent.id)
    assert intent.status == "succeeded"
    assert charge(customer, str(intent.payment_method)).status == "succeeded"


@pytest.mark.parametrize(("amount", "currency"), [(49, "usd"), (0, "usd"), (49, "jpy"), (29, "gbp")])
def test_too_little_is_refused_and_never_raised(simulated: SimulatedStripe, amount: int, currency: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe.PaymentIntent.create(amount=amount, currency=currency)
    assert refused.value.code == "amount_too_small"
    assert simulated.kinds() == []


def test_a_payment_is_cancelled_once_and_not_after_it_succeeded(customer: stripe.Customer, card: Card) -> None:
    intent = stripe.PaymentIntent.create(amount=500, currency="usd", customer=customer.id)
    assert stripe.PaymentIntent.cancel(intent.id, cancellation_reason="abandoned").status == "canceled"
    for key in (intent.id, charge(customer, card("pm_card_visa").id).id):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            stripe.PaymentIntent.cancel(key)
        assert refused.value.code == "payment_intent_unexpected_state"


def test_refunds_in_parts_never_exceed_the_charge(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card
) -> None:
    intent = charge(customer, card("pm_card_visa").id)
    first = stripe.Refund.create(payment_intent=intent.id, amount=500, reason="requested_by_customer")
    assert (first.status, first.amount) == ("succeeded", 500)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        stripe.Refund.create(payment_intent=intent.id, amount=1501)
    assert stripe.Refund.create(charge=str(intent.latest_charge)).amount == 1500
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe.Refund.create(payment_intent=intent.id)
    assert refused.value.code == "charge_already_refunded"
    made = stripe.Charge.retrieve(str(intent.latest_charge))
    assert (made.refunded, made.amount_refunded) == (True, 2000)
    assert simulated.books()["totals"]["usd"] == {"charge": 2000, "refund": -2000, "fee": 88, "net": -88}
    assert simulated.kinds().count("refund.created") == 2
    assert len(stripe.Refund.list(payment_intent=intent.id).data) == 2


def test_a_refund_that_the_bank_returns_comes_back_to_the_balance(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card
) -> None:
    refund = stripe.Refund.create(payment_intent=charge(customer, card("pm_card_visa").id).id, amount=700)
    simulated.control("refunds/fail", refund=refund.id)
    failed = stripe.Refund.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert stripe.Charge.retrieve(str(refund.charge)).amount_refunded == 0
    assert simulated.books()["totals"]["usd"]["net"] == 1912
    assert simulated.kinds()[-1] == "refund.failed"


def test_the_dispute_card_takes_the_money_back_at_once(simulated: SimulatedStripe, customer: stripe.Customer) -> None:
    intent = stripe.PaymentIntent.create(
        amount=2000, currency="usd", customer=customer.id, payment_method="pm_card_createDispute", confirm=True
    )
    assert intent.status == "succeeded"
    (dispute,) = stripe.Dispute.list(payment_intent=intent.id).data
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 2000)
    assert simulated.books()["totals"]["usd"] == {"charge": 2000, "dispute": -2000, "fee": 1588, "net": -1588}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe.Refund.create(payment_intent=intent.id)
    assert refused.value.code == "charge_disputed"
    won = stripe.Dispute.modify(dispute.id, evidence={"uncategorized_text": "winning_evidence"}, submit=True)
    assert won.status == "won"
    assert simulated.books()["totals"]["usd"]["net"] == 412
    told = [kind for kind in simulated.kinds() if kind.startswith("charge.dispute.")]
    assert told == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.dispute.funds_reinstated",
        "charge.dispute.updated",
        "charge.dispute.closed",
    ]


def test_a_dispute_opened_and_lost_by_the_control(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card
) -> None:
    intent = charge(customer, card("pm_card_visa").id)
    stripe.Refund.create(payment_intent=intent.id, amount=500)
    dispute = simulated.control("disputes", payment_intent=intent.id, reason="duplicate")
    assert dispute["amount"] == 1500
    assert simulated.control("disputes/decide", dispute=dispute["id"], outcome="lost")["status"] == "lost"
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Dispute.close(dispute["id"])
    assert simulated.books()["totals"]["usd"] == {
        "charge": 2000,
        "refund": -500,
        "dispute": -1500,
        "fee": 1588,
        "net": -1588,
    }


def test_the_books_are_the_balance(simulated: SimulatedStripe, customer: stripe.Customer, card: Card) -> None:
    charge(customer, card("pm_card_visa").id)
    balance = stripe.Balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (0, 1912)
    simulated.advance(days=3)
    balance = stripe.Balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (1912, 0)
    entries = stripe.BalanceTransaction.list(limit=100).data
    assert [entry.id for entry in entries][::-1] == [entry["id"] for entry in simulated.books()["entries"]]
