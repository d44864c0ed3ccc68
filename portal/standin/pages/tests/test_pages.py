"""The pages in Django's test client: what a person sees and presses."""

import re
from collections.abc import Callable

import pytest
import stripe
from django.test import Client

from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db
SUCCESS = "http://testserver/done?session={CHECKOUT_SESSION_ID}"


@pytest.fixture
def customer(simulated: SimulatedStripe) -> stripe.Customer:
    return stripe.Customer.create(email="ada@example.com", name="Ada Lane")


@pytest.fixture
def begin(customer: stripe.Customer) -> Callable[..., stripe.checkout.Session]:
    def make(mode: str = "payment", interval: str = "", **more: object) -> stripe.checkout.Session:
        price: dict[str, object] = {"currency": "usd", "unit_amount": 2000, "product_data": {"name": "1,000 credits"}}
        if interval:
            price["recurring"] = {"interval": interval}
        items = {} if mode == "setup" else {"line_items": [{"price_data": price, "quantity": 1}]}
        return stripe.checkout.Session.create(
            mode=mode,  # type: ignore[arg-type]
            customer=customer.id,
            success_url=SUCCESS,
            cancel_url="http://testserver/left",
            currency="usd",
            **items,  # type: ignore[arg-type]
            **more,  # type: ignore[arg-type]
        )

    return make


def path(url: object) -> str:
    return str(url).removeprefix("http://testserver")


def text(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined]


def status(session: stripe.checkout.Session) -> tuple[str | None, str]:
    now = stripe.checkout.Session.retrieve(session.id)
    return now.status, now.payment_status


def test_it_says_that_payments_are_simulated_and_lists_the_cards(
    client: Client, begin: Callable[..., stripe.checkout.Session]
) -> None:
    page = client.get(path(begin().url))
    assert page.status_code == 200
    for words in (
        "Simulated payments",
        "no money moves",
        "1,000 credits",
        "Pay $20.00",
        "Asks for 3-D Secure every time",
    ):
        assert words in text(page)
    assert "no-store" in page["Cache-Control"]
    policy = page["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_paying_and_pressing_twice(
    client: Client, simulated: SimulatedStripe, begin: Callable[..., stripe.checkout.Session]
) -> None:
    session = begin()
    for _ in range(2):
        paid = client.post(path(session.url), {"card": "4242424242424242"})
        assert (paid.status_code, paid["Location"]) == (302, f"http://testserver/done?session={session.id}")
    assert status(session) == ("complete", "paid")
    assert simulated.books()["totals"]["usd"]["charge"] == 2000
    assert client.get(path(session.url))["Location"].startswith("http://testserver/done")


def test_a_declined_card_is_told_and_another_one_works(
    client: Client, begin: Callable[..., stripe.checkout.Session]
) -> None:
    session = begin()
    refused = client.post(path(session.url), {"card": "4000000000000002"})
    assert refused.status_code == 422
    assert "Your card was declined." in text(refused)
    assert 'role="alert"' in text(refused)
    refused = client.post(path(session.url), {"card": "4242424242424241"})
    assert "not one of the available choices" in text(refused)
    assert status(session) == ("open", "unpaid")
    assert client.post(path(session.url), {"card": "5555555555554444"}).status_code == 302


def test_3d_secure_failed_then_approved(client: Client, begin: Callable[..., stripe.checkout.Session]) -> None:
    session = begin()
    asked = client.post(path(session.url), {"card": "4000002760003184"})["Location"]
    page = client.get(path(asked))
    assert "approve this payment of $20.00" in text(page)
    back = client.post(path(asked), {"answer": "fail"})["Location"]
    assert back == session.url
    again = client.get(path(back))
    assert "unable to authenticate" in text(again)
    assert status(session) == ("open", "unpaid")
    asked = client.post(path(session.url), {"card": "4000002760003184"})["Location"]
    done = client.post(path(asked), {"answer": "approve"})["Location"]
    assert done.startswith("http://testserver/done")
    assert status(session) == ("complete", "paid")


def test_leaving_and_coming_too_late(
    client: Client, simulated: SimulatedStripe, begin: Callable[..., stripe.checkout.Session]
) -> None:
    session = begin(after_expiration={"recovery": {"enabled": True, "allow_promotion_codes": True}})
    assert 'href="http://testserver/left"' in text(client.get(path(session.url)))
    stripe.checkout.Session.expire(session.id)
    late = client.get(path(session.url))
    assert (late.status_code, "Nothing was charged" in text(late)) == (410, True)
    assert client.post(path(session.url), {"card": "4242424242424242"}).status_code == 302
    link = stripe.checkout.Session.retrieve(session.id).to_dict()["after_expiration"]["recovery"]["url"]
    assert client.get(path(link)).status_code == 200
    new = client.post(path(link))["Location"]
    assert client.post(path(new), {"card": "4242424242424242"})["Location"].startswith("http://testserver/done")
    assert simulated.books()["totals"]["usd"]["charge"] == 2000


def test_saving_a_card_and_subscribing(
    client: Client, customer: stripe.Customer, begin: Callable[..., stripe.checkout.Session]
) -> None:
    saving = begin("setup")
    assert "Save card" in text(client.get(path(saving.url)))
    assert client.post(path(saving.url), {"card": "4242424242424242"}).status_code == 302
    subscribing = begin("subscription", "month")
    assert "Now, then every month" in text(client.get(path(subscribing.url)))
    client.post(path(subscribing.url), {"card": "4242424242424242"})
    assert stripe.Subscription.list(customer=customer.id).data[0].status == "active"


def test_a_code(client: Client, begin: Callable[..., stripe.checkout.Session]) -> None:
    coupon = stripe.Coupon.create(percent_off=50, duration="once")
    stripe.PromotionCode.create(promotion={"type": "coupon", "coupon": coupon.id}, code="HALF")
    session = begin(allow_promotion_codes=True)
    wrong = client.post(path(session.url) + "code/", {"code": "NO"})
    assert (wrong.status_code, "This code is invalid." in text(wrong)) == (422, True)
    assert client.post(path(session.url) + "code/", {"code": "half"}).status_code == 302
    page = text(client.get(path(session.url)))
    assert "−$10.00" in page
    assert "Pay $10.00" in page


def test_forms_need_their_token(simulated: SimulatedStripe, begin: Callable[..., stripe.checkout.Session]) -> None:
    strict = Client(enforce_csrf_checks=True)
    session = begin()
    page = strict.get(path(session.url))
    assert strict.post(path(session.url), {"card": "4242424242424242"}).status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text(page))
    assert token
    form = {"card": "4242424242424242", "csrfmiddlewaretoken": token[1]}
    assert strict.post(path(session.url), form).status_code == 302
    assert simulated.books()["totals"]["usd"]["charge"] == 2000


def test_the_customer_portal(
    client: Client, simulated: SimulatedStripe, customer: stripe.Customer, begin: Callable[..., stripe.checkout.Session]
) -> None:
    simulated.pay(begin("subscription", "month").id)
    session = stripe.billing_portal.Session.create(customer=customer.id, return_url="http://testserver/back")
    url = path(session.url)
    page = text(client.get(url))
    for words in ("Billing of Ada Lane", "1,000 credits", "ending in 4242", "0001", 'href="http://testserver/back"'):
        assert words in page
    (subscription,) = stripe.Subscription.list(customer=customer.id).data
    client.post(url, {"act": "cancel", "target": subscription.id})
    assert stripe.Subscription.retrieve(subscription.id).cancel_at_period_end
    assert "ends on" in text(client.get(url))
    client.post(url, {"act": "resume", "target": subscription.id})
    assert not stripe.Subscription.retrieve(subscription.id).cancel_at_period_end
    assert client.post(url, {"act": "add", "card": "4000000000000002"}).status_code == 422
    client.post(url, {"act": "add", "card": "5555555555554444"})
    methods = stripe.Customer.list_payment_methods(customer.id).data
    new = next(one for one in methods if one.card and one.card.last4 == "4444")
    client.post(url, {"act": "default", "target": new.id})
    settings = stripe.Customer.retrieve(customer.id).invoice_settings
    assert settings is not None
    assert settings.default_payment_method == new.id
    client.post(url, {"act": "remove", "target": new.id})
    assert len(stripe.Customer.list_payment_methods(customer.id).data) == 1


def test_the_portal_reaches_nothing_of_others(
    client: Client, simulated: SimulatedStripe, customer: stripe.Customer, begin: Callable[..., stripe.checkout.Session]
) -> None:
    simulated.pay(begin("subscription", "month").id)
    (subscription,) = stripe.Subscription.list(customer=customer.id).data
    other = stripe.Customer.create(email="other@example.com")
    url = path(stripe.billing_portal.Session.create(customer=other.id).url)
    assert "No subscription." in text(client.get(url))
    assert client.post(url, {"act": "cancel", "target": subscription.id}).status_code == 404
    assert not stripe.Subscription.retrieve(subscription.id).cancel_at_period_end


def test_a_hosted_invoice(client: Client, customer: stripe.Customer) -> None:
    made = stripe.Invoice.create(customer=customer.id, collection_method="send_invoice", days_until_due=14)
    stripe.InvoiceItem.create(
        customer=customer.id, invoice=str(made.id), amount=90000, currency="usd", description="June"
    )
    opened = stripe.Invoice.finalize_invoice(str(made.id))
    url = path(opened.hosted_invoice_url)
    assert "Pay $900.00" in text(client.get(url))
    assert client.post(url, {"card": "4000000000009995"}).status_code == 422
    assert client.post(url, {"card": "4242424242424242"}).status_code == 302
    page = text(client.get(url))
    assert "paid" in page
    assert "Pay $" not in page
    file = client.get(path(opened.invoice_pdf))
    assert (file["Content-Type"], file.content[:5]) == ("application/pdf", b"%PDF-")
    note = stripe.CreditNote.create(invoice=str(made.id), amount=500, refund_amount=500)
    assert str(note.number).encode() in client.get(path(note.pdf)).content


def test_what_is_not_there_and_a_silent_stand_in(client: Client, simulated: SimulatedStripe, settings: object) -> None:
    for kind in ("checkout/cs_test_none", "portal/bps_none", "invoices/in_none", "authentication/pi_none"):
        assert client.get(f"/simulated-stripe/{kind}/").status_code == 404
    settings.STRIPE_API_HOST = "http://127.0.0.1:9"  # type: ignore[attr-defined]
    silent = client.get("/simulated-stripe/checkout/cs_test_1/")
    assert (silent.status_code, "nothing is paid twice" in text(silent)) == (503, True)
