"""The page: what is agreed to is what was shown; less is saved at once; what happens next stands there."""

import html
import re

import pytest
from django.test import Client

from accounts.models import Workspace
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods, refuses_role
from billing.packs.autotopup.tests.conftest import TERMS, TopUps, spend, sweep
from billing.packs.autotopup.tests.test_outcomes import confirmation

pytestmark = pytest.mark.django_db(transaction=True)
GIVEN = {
    "threshold": "100",
    "amount": "10",
    "amount_in": "money",
    "target": "",
    "day_cap": "50",
    "month_cap": "100",
}


def text_of(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return html.unescape(" ".join(response.content.decode().split()))


def test_a_person_agrees_to_what_was_shown(top_ups: TopUps, workspace: Workspace, alice_client: Client) -> None:
    url = page(workspace, "auto-top-up")
    text = text_of(alice_client, url)
    for part in ("No card saved", "Nobody has agreed to it", "Nothing was charged automatically"):
        assert part in text
    card = top_ups.save_card("4242424242424242")
    given = GIVEN | {"method": card.id}
    text = text_of(alice_client, url)
    assert 'value="10"' in text
    assert "If this was on, the next charge would be $10.00 when the balance falls below 100 credits" in text
    shown = alice_client.post(url, given).content.decode()
    found = re.search(r"<blockquote[^>]*><p>(.+?)</p>", shown)
    assert found
    agreement = html.unescape(found[1])
    for part in (
        "Visa card ending in 4242",
        "below 100 credits",
        "$10.00 for 2,000",
        "$50.00 a day",
        "$100.00 a calendar",
    ):
        assert part in agreement, part
    assert not top_ups.row_exists
    unticked = alice_client.post(url, given | {"shown": agreement, "agree": "1"})
    assert b"Tick this to agree" in unticked.content
    other = alice_client.post(url, given | {"shown": agreement, "agree": "1", "agreed": "on", "month_cap": "1000"})
    assert b"$1,000.00 a calendar" in other.content, "what was shown was something else: it is shown again"
    assert not top_ups.row_exists
    done = alice_client.post(url, given | {"shown": agreement, "agree": "1", "agreed": "on"})
    assert done.status_code == 302
    row = top_ups.row
    assert (row.enabled, row.terms) == (True, TERMS)
    assert row.consent is not None
    assert (row.consent.text, row.consent.person_label, row.consent.method) == (agreement, "alice@example.com", card.id)
    text = text_of(alice_client, url)
    assert "Agreed to by alice@example.com" in text
    assert (
        "The next charge would be $10.00 when the balance falls below 100 credits;"
        " this month $0.00 of at most $100.00 were charged." in text
    )


def test_less_is_saved_at_once_and_more_is_shown_first(
    top_ups: TopUps, workspace: Workspace, alice_client: Client
) -> None:
    consent = top_ups.agree()
    url, given = page(workspace, "auto-top-up"), GIVEN | {"method": consent.method}
    assert alice_client.post(url, given | {"month_cap": "60"}).status_code == 302
    assert top_ups.row.month_cap == 6_000
    assert b"Do you agree?" in alice_client.post(url, given | {"month_cap": "101"}).content
    assert top_ups.row.month_cap == 6_000
    refused = alice_client.post(url, given | {"target": "50"})
    assert refused.status_code == 422
    assert b"above the one that it falls below" in refused.content
    assert alice_client.post(url, given | {"amount": "10.001"}).status_code == 422
    assert alice_client.post(url, given | {"amount": "60"}).status_code == 422, "the day allows less than one charge"


def test_history_pending_and_switching_off(top_ups: TopUps, workspace: Workspace, alice_client: Client) -> None:
    top_ups.agree()
    spend(workspace, 60)
    url = page(workspace, "auto-top-up")
    sweep()
    (made,) = top_ups.made
    text = text_of(alice_client, url)
    assert made.reason in text
    assert made.purchase.document is not None
    assert made.purchase.document.number in text
    assert "$10.00 of $50.00 today" in text
    receipt = text_of(alice_client, page(workspace, f"credits/purchases/{made.purchase.public_id}"))
    assert made.reason in receipt
    assert "Automatic top-up" in text_of(alice_client, page(workspace, "credits/purchases"))
    alice_client.post(url, {"off": "1"})
    assert not top_ups.row.enabled
    assert top_ups.row.consent is not None
    alice_client.post(url, {"withdraw": "1"})
    assert top_ups.row.consent is None
    assert "Nobody has agreed to it" in text_of(alice_client, url)


def test_a_confirmation_is_pending_on_the_balance_page_and_paid_from_its_link(
    top_ups: TopUps, workspace: Workspace, alice_client: Client
) -> None:
    purchase = confirmation(top_ups).purchase
    credits = text_of(alice_client, page(workspace, "credits")).split("Not in the balance yet")[1]
    assert "2,000" in credits
    assert "Automatic top-up" in credits
    url = page(workspace, f"auto-top-up/{purchase.public_id}/pay")
    assert "Your bank wants to see the cardholder" in text_of(alice_client, url)
    assert url in text_of(alice_client, page(workspace, "auto-top-up"))
    first, again = alice_client.post(url), alice_client.post(url)
    purchase.refresh_from_db()
    assert first["Location"] == again["Location"] == purchase.session_url
    assert top_ups.simulated.pay(str(purchase.session_id))["redirect"].endswith("?back=1")


def test_stripe_is_not_there(top_ups: TopUps, workspace: Workspace, alice_client: Client) -> None:
    top_ups.agree()
    top_ups.simulated.control("faults", on="customers", times=5, status=500)
    text = text_of(alice_client, page(workspace, "auto-top-up"))
    assert "Stripe does not answer" in text
    assert "Switch off" in text
    assert alice_client.post(page(workspace, "auto-top-up"), {"off": "1"}).status_code == 302
    assert not top_ups.row.enabled


@pytest.mark.parametrize("path", ["auto-top-up", "auto-top-up/pur_x/pay"])
def test_who_may(
    top_ups: TopUps,
    workspace: Workspace,
    path: str,
    alice_client: Client,
    bob_client: Client,
    charlie_client: Client,
) -> None:
    url = page(workspace, path)
    asks_to_sign_in(url)
    refuses_role(bob_client, url)
    hides_from_strangers(charlie_client, url)
    refuses_other_methods(alice_client, url, "get", "post")
