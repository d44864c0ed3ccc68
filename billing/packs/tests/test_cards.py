"""Saved cards: shown, added, preferred, removed, and told of before they expire."""

from datetime import UTC, datetime, timedelta

import pytest
import stripe
from django.test import Client

from accounts.models import Workspace
from accounts.tests.quartet import hides_from_strangers, page, refuses_role
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.foundation.outbox.models import OutboxMessage
from billing.gateway import expiring
from billing.gateway.customers import customer_id
from billing.packs import cards
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)


def text_of(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url, follow=True)
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def add(simulated: SimulatedStripe, client: Client, workspace: Workspace, number: str, key: str) -> None:
    leads = client.post(page(workspace, "payment-methods/add"), {"key": key})
    session = stripe.checkout.Session.list().data[0]
    assert leads["Location"] == session.url
    back = simulated.pay(session.id, number)["redirect"].removeprefix("http://testserver")
    assert "The card is saved." in text_of(client, back)


def test_cards_are_added_preferred_and_removed(
    shop: SimulatedStripe, workspace: Workspace, alice_client: Client
) -> None:
    url = page(workspace, "payment-methods")
    assert "No card saved" in text_of(alice_client, url)
    add(shop, alice_client, workspace, "4242424242424242", "k1")
    add(shop, alice_client, workspace, "5555555555554444", "k2")
    text = text_of(alice_client, url)
    for part in ("Visa", "4242", "Mastercard", "4444", "Make default"):
        assert part in text
    old = next(card for card in cards.cards_shown(workspace) if card.last4 == "4242")
    alice_client.post(page(workspace, f"payment-methods/{old.id}/default"))
    assert cards.cards_shown(workspace)[0].last4 == "4242"
    assert "Charged first" in text_of(alice_client, url)
    assert "Remove Visa ···· 4242?" in text_of(alice_client, page(workspace, f"payment-methods/{old.id}/remove"))
    assert len(cards.cards_shown(workspace)) == 2
    alice_client.post(page(workspace, f"payment-methods/{old.id}/remove"))
    assert [card.last4 for card in cards.cards_shown(workspace)] == ["4444"]
    assert "the card is not there any more" in _after(alice_client, workspace, f"{old.id}/default")
    assert alice_client.get(page(workspace, "payment-methods/pm_x/remove")).status_code == 404


def test_cards_are_looked_after_at_stripe(shop: SimulatedStripe, workspace: Workspace, alice_client: Client) -> None:
    url = page(workspace, "payment-methods")
    assert "Manage at Stripe" not in text_of(alice_client, url), "Stripe knows nobody yet"
    add(shop, alice_client, workspace, "4242424242424242", "k1")
    assert "Manage at Stripe" in text_of(alice_client, url)
    portal = alice_client.post(page(workspace, "payment-methods/stripe"))["Location"].removeprefix("http://testserver")
    text = text_of(alice_client, portal)
    assert "Visa ending in 4242" in text
    assert url in text, "and back"


def _after(client: Client, workspace: Workspace, path: str) -> str:
    response = client.post(page(workspace, f"payment-methods/{path}"), follow=True)
    return response.content.decode()


def test_pressing_add_twice_is_one_page(shop: SimulatedStripe, workspace: Workspace, alice_client: Client) -> None:
    leads = {alice_client.post(page(workspace, "payment-methods/add"), {"key": "k"})["Location"] for _ in range(2)}
    assert len(leads) == 1


def test_stripe_does_not_answer(shop: SimulatedStripe, workspace: Workspace, alice_client: Client) -> None:
    add(shop, alice_client, workspace, "4242424242424242", "k1")
    shop.control("faults", on="customers", method="GET", status=500, times=2)
    text = text_of(alice_client, page(workspace, "payment-methods"), 503)
    assert "does not answer at the moment" in text
    assert "Add a card" not in text


def test_who_may(workspace: Workspace, bob_client: Client, charlie_client: Client) -> None:
    for path in (
        "payment-methods/stripe",
        "payment-methods/add",
        "payment-methods/pm_x/default",
        "payment-methods/pm_x/remove",
    ):
        refuses_role(bob_client, page(workspace, path), "post")
        hides_from_strangers(charlie_client, page(workspace, path), "post")


def test_the_end_of_a_month() -> None:
    assert expiring.end_of(2028, 2) == datetime(2028, 3, 1, tzinfo=UTC)
    assert expiring.end_of(2026, 12) == datetime(2027, 1, 1, tzinfo=UTC)


def test_it_is_told_of_once_30_days_before(
    connected: SimulatedStripe, workspace: Workspace, alice_client: Client
) -> None:
    session = _setup(workspace)
    connected.pay(session)
    connected.settle()
    (card,) = cards.cards_shown(workspace)
    month, year = (int(part) for part in card.expires.split(" / "))
    end = expiring.end_of(year, month)
    told = OutboxMessage.objects.filter(kind="card.expiring")
    for days, count in ((31, 0), (29, 1), (10, 1), (-1, 1)):
        with clock.at(end - timedelta(days=days)):
            (run,) = run_due(only="cards_expiring")
        assert (run.error, told.count()) == ("", count), days
    message = told.get()
    assert message.to == ["alice@example.com"]
    assert f"/w/{workspace.public_id}/payment-methods" in message.text
    with clock.at(end - timedelta(days=20)):
        assert cards.cards_shown(workspace)[0].state == "soon"
        assert "Expires soon" in text_of(alice_client, page(workspace, "payment-methods"))
    with clock.at(end):
        assert cards.cards_shown(workspace)[0].state == "expired"
    cards.card_remove(workspace=workspace, method=card.id)
    connected.settle()
    told.delete()
    with clock.at(end - timedelta(days=20)):
        run_due(only="cards_expiring")
    assert told.count() == 0, "a card that was removed"
    assert customer_id(workspace)


def _setup(workspace: Workspace) -> str:
    cards.card_add(workspace=workspace, key="k", page="http://testserver/")
    return stripe.checkout.Session.list().data[0].id
