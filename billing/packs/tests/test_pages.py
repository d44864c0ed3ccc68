"""The pages of buying: choose, pay, confirming, receipt; what is refused, and to whom."""

import re

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import Workspace
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods, refuses_role
from accounts.tests.test_portal_links import ServiceKey, link_for
from billing.credits.units import NANO
from billing.invoices.models import Seller
from billing.packs.models import Notice, Pack, Purchase
from billing.packs.tests.conftest import Buy, code, credits_of, look, paid, rewrite
from portal.settings.payments import PAYMENT_PAGES
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)


def text_of(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def key_in(text: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', text)
    assert found
    return found[1]


def test_the_whole_way(shop: SimulatedStripe, workspace: Workspace, alice_client: Client) -> None:
    url = page(workspace, "credits/buy")
    text = text_of(alice_client, url)
    for part in ("Starter", "$10.00", "10,500", "+500 bonus", "$0.004762 a credit", "Good until"):
        assert part in text, part
    key = key_in(text)
    first = alice_client.post(url, {"pack": "growth", "code": "", "key": key})
    purchase = Purchase.objects.get()
    assert (first.status_code, first["Location"]) == (302, purchase.session_url)
    again = alice_client.post(url, {"pack": "growth", "code": "", "key": key})
    assert again["Location"] == purchase.session_url, "pressed twice, it is one purchase"
    assert Purchase.objects.count() == 1
    assert "10,500" in text_of(alice_client, page(workspace, "credits")).split("Not in the balance yet")[1]
    back = shop.pay(str(purchase.session_id))["redirect"].removeprefix("http://testserver")
    text = text_of(alice_client, back)
    assert "Confirming your payment" in text
    assert "Pending" in text
    assert '<noscript><meta http-equiv="refresh"' in text
    assert 'hx-trigger="every 2s"' in text
    for _ in range(3):
        text_of(alice_client, back)
    assert Notice.objects.count() == 1, "coming back is told once"
    part = alice_client.get(back, headers={"HX-Request": "true"})
    assert b"<html" not in part.content
    look()
    part = alice_client.get(back, headers={"HX-Request": "true"})
    assert b"10,500 credits added" in part.content
    assert b"every 2s" not in part.content
    assert part["HX-Trigger-After-Settle"] == "balance:refresh"
    text = text_of(alice_client, back)
    purchase.refresh_from_db()
    assert purchase.document is not None
    assert f"invoices/{purchase.document.number}" in text
    assert "http-equiv" not in text
    assert purchase.document.number in text_of(alice_client, page(workspace, "credits/purchases"))
    assert credits_of(workspace) == 10_500 * NANO


def test_leaving_checkout_loses_nothing(
    shop: SimulatedStripe, workspace: Workspace, buy: Buy, alice_client: Client
) -> None:
    code("SPRING", percent_off=20)
    url = page(workspace, "credits/buy")
    alice_client.post(url, {"pack": "scale", "code": "spring", "key": "k1"})
    purchase = Purchase.objects.get()
    left = page(workspace, f"credits/buy?left={purchase.public_id}&pack=scale&code=SPRING")
    text = text_of(alice_client, left)
    assert "Nothing was charged" in text
    assert purchase.session_url in text
    assert re.search(r'value="scale"[^>]* checked', text)
    assert 'value="SPRING"' in text
    gave_up = alice_client.post(page(workspace, f"credits/purchases/{purchase.public_id}/leave"))
    assert gave_up["Location"] == url
    assert "Canceled. Nothing was charged." in text_of(alice_client, url)
    purchase.refresh_from_db()
    assert purchase.status == Purchase.Status.CANCELED
    text = text_of(alice_client, page(workspace, f"credits/purchases/{purchase.public_id}"))
    assert "SPRING can be used again" in text


def test_a_code_is_shown_before_paying(shop: SimulatedStripe, workspace: Workspace, alice_client: Client) -> None:
    code("SPRING", percent_off=20).packs.add(Pack.objects.get(key="growth"))
    text = text_of(alice_client, page(workspace, "credits/buy?pack=growth&code=spring"))
    assert "$40.00" in text
    assert "instead of" in text
    assert "SPRING is applied. The packs above include it" in text
    text = text_of(alice_client, page(workspace, "credits/buy?pack=starter&code=spring"))
    assert "This code is not for Starter" in text
    assert "include tax" not in text, "the seller charges none"
    Seller.objects.update_or_create(pk=1, defaults={"tax_percent": 19})
    code("MORE", bonus_credits=250 * NANO)
    assert "Prices include tax." in text_of(alice_client, page(workspace, "credits/buy"))
    assert "+250 with your code" in text_of(alice_client, page(workspace, "credits/buy?code=MORE"))


def test_applying_a_code_leaves_no_secret_in_the_address(
    shop: SimulatedStripe, workspace: Workspace, alice_client: Client
) -> None:
    url = page(workspace, "credits/buy")
    applied = alice_client.post(url, {"pack": "growth", "code": "spring 27", "key": "k", "apply": "1"})
    assert (applied.status_code, applied["Location"]) == (302, f"{url}?pack=growth&code=spring+27#code")
    assert Purchase.objects.count() == 0
    assert "formmethod" not in text_of(alice_client, url)


def test_what_is_refused_is_said_at_its_field(
    shop: SimulatedStripe, workspace: Workspace, alice_client: Client
) -> None:
    url = page(workspace, "credits/buy")
    for data, words in (
        ({"pack": "growth", "code": "NOPE", "key": "1"}, b"There is no such code"),
        ({"pack": "nope", "code": "", "key": "2"}, b"Select a valid choice"),
        ({"code": "", "key": "3"}, b"Choose a pack"),
    ):
        response = alice_client.post(url, data)
        assert response.status_code == 422
        assert words in response.content
        assert b'role="alert"' in response.content
    assert Purchase.objects.count() == 0


def test_stripe_does_not_answer(shop: SimulatedStripe, workspace: Workspace, alice_client: Client) -> None:
    url = page(workspace, "credits/buy")
    shop.control("faults", on="checkout/sessions", status=500, times=2)
    response = alice_client.post(url, {"pack": "growth", "code": "", "key": "k"})
    assert response.status_code == 422
    assert b"does not answer at the moment. Nothing was charged" in response.content
    assert key_in(response.content.decode()) == "k", "pressing again goes on with the same purchase"
    waits = page(workspace, f"credits/purchases/{Purchase.objects.get().public_id}")
    text = text_of(alice_client, waits)
    assert "there is no page to pay on" in text
    assert 'href=""' not in text
    assert alice_client.post(url, {"pack": "growth", "code": "", "key": "k"}).status_code == 302
    assert Purchase.objects.count() == 1
    assert "It can be paid until" in text_of(alice_client, waits)


def test_payments_are_not_set_up(
    shop: SimulatedStripe, workspace: Workspace, alice_client: Client, settings: LazySettings
) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_short"
    response = alice_client.post(page(workspace, "credits/buy"), {"pack": "growth", "code": "", "key": "k"})
    assert b"Payments are not set up here at present" in response.content
    assert key_in(response.content.decode()) != "k", "that purchase is over: pressing again begins another one"
    settings.STRIPE_SECRET_KEY = ""
    assert "Payments are not set up" in text_of(alice_client, page(workspace, "credits/buy"))
    assert "Payments are not set up" in text_of(alice_client, page(workspace, "payment-methods"), 503)
    assert "Ask them for a grant" in text_of(alice_client, page(workspace, "credits"))


def test_nothing_on_offer_and_nothing_bought(workspace: Workspace, alice_client: Client) -> None:
    Pack.objects.update(active=False)
    assert "Nothing is on offer" in text_of(alice_client, page(workspace, "credits/buy"))
    assert "Nothing bought yet" in text_of(alice_client, page(workspace, "credits/purchases"))


def test_the_policy_lets_the_form_lead_to_checkout(workspace: Workspace, alice_client: Client) -> None:
    policy = alice_client.get(page(workspace, "credits/buy"))["Content-Security-Policy"]
    (rule,) = [each for each in policy.split("; ") if each.startswith("form-action")]
    assert rule.split()[1:] == ["'self'", *PAYMENT_PAGES]
    assert "unsafe" not in policy


def test_a_purchase_that_failed(shop: SimulatedStripe, workspace: Workspace, buy: Buy, alice_client: Client) -> None:
    purchase = buy()
    rewrite(price=5_001, amount=5_001)
    paid(shop, purchase)
    text = text_of(alice_client, page(workspace, f"credits/purchases/{purchase.public_id}"))
    assert "This payment needs a person" in text


@pytest.mark.parametrize("path", ["credits/buy", "credits/purchases", "payment-methods"])
def test_who_may_see_it(
    workspace: Workspace, alice_client: Client, bob_client: Client, charlie_client: Client, path: str
) -> None:
    url = page(workspace, path)
    asks_to_sign_in(url)
    hides_from_strangers(charlie_client, url)
    refuses_role(bob_client, url)
    refuses_other_methods(alice_client, url, *(("get", "post") if path == "credits/buy" else ("get",)))


def test_a_purchase_of_others_is_not_there(
    shop: SimulatedStripe,
    workspace: Workspace,
    buy: Buy,
    alice_client: Client,
    bob_client: Client,
    charlie_client: Client,
) -> None:
    purchase = buy()
    url = page(workspace, f"credits/purchases/{purchase.public_id}")
    asks_to_sign_in(url)
    hides_from_strangers(charlie_client, url)
    refuses_role(bob_client, url)
    refuses_other_methods(alice_client, url, "get")
    refuses_role(bob_client, f"{url}/leave", "post")
    refuses_other_methods(alice_client, f"{url}/leave", "post")
    for unknown in ("pur_x", "a%00b"):
        assert alice_client.get(page(workspace, f"credits/purchases/{unknown}")).status_code == 404
    purchase.refresh_from_db()
    assert purchase.status == Purchase.Status.OPEN


def test_who_was_handed_over_by_a_link_can_pay(
    shop: SimulatedStripe, workspace: Workspace, service_key: ServiceKey
) -> None:
    visitor = Client()
    visitor.post(link_for(workspace, service_key)[1])
    leads = visitor.post(page(workspace, "credits/buy"), {"pack": "starter", "code": "", "key": "k"})["Location"]
    checkout = leads.removeprefix("http://testserver")
    assert "no money moves" in text_of(visitor, checkout)
    back = visitor.post(checkout, {"card": "4242424242424242"})["Location"].removeprefix("http://testserver")
    assert "Confirming your payment" in text_of(visitor, back)
    look()
    assert credits_of(workspace) == 2_000 * NANO


def test_a_role_that_may_not_buy_reads_whom_to_ask(workspace: Workspace, bob_client: Client) -> None:
    text = text_of(bob_client, page(workspace, ""))
    assert f"/w/{workspace.public_id}/credits#add" in text
    assert "/credits/buy" not in text
