import pytest
from django.test import Client

from accounts.models import Membership, User, Workspace
from billing.credits.units import NANO
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.overview.tests import scenarios
from billing.overview.tests.holding import place


def page(client: Client, workspace: Workspace, path: str = "", **headers: str) -> str:
    response = client.get(f"/w/{workspace.public_id}/{path}", headers=headers)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_healthy_shows_plan_balance_average_and_no_banner(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind)
    assert "Pro plan" in text
    assert "your usual request" in text
    assert 'class="banner' not in text
    assert "Launch credits" in text
    assert "Spends next" in text
    assert "Spring promotion" not in text.split('id="models"')[0]  # it has not started yet


def test_a_page_of_the_price_list_is_not_asked_of_the_overview(alice_client: Client, northwind: Workspace) -> None:
    assert "Launch credits" in page(alice_client, northwind, "?cursor=nonsense")


def test_low_says_how_many_requests_are_left_and_what_happens_at_zero(
    alice_client: Client, alice: User, prices: None
) -> None:
    text = page(alice_client, scenarios.low(alice))
    assert "Low Tide Labs is running low on credits" in text
    assert "more requests" in text
    assert "nothing already running is cut off" in text
    assert 'data-state="low"' in text


def test_stopped_says_since_when_what_is_owed_and_how_to_go_on(alice_client: Client, stopped: Workspace) -> None:
    text = page(alice_client, stopped)
    assert "Requests are paused: no credits left" in text
    assert "402 insufficient_credits" in text
    assert "Since today" in text
    assert "owed" in text
    assert "Blocked now" in text
    assert "Your API keys stay active" in text


def test_new_explains_the_first_steps_and_what_the_plan_includes(alice_client: Client, fresh: Workspace) -> None:
    text = page(alice_client, fresh)
    assert "Two steps to your first request" in text
    assert "1,000 input characters a month" in text
    assert "No usage yet" in text
    assert "No credits yet" in text
    assert "Nothing here yet" in text


def test_a_grant_moves_a_stopped_workspace_on(alice_client: Client, stopped: Workspace) -> None:
    owed = balance(stopped.pk).debt
    assert owed > 0
    credits_grant(workspace_id=stopped.pk, key="more", amount=9_000 * NANO, label="Top-up")
    text = page(alice_client, stopped)
    assert "Requests are paused" not in text
    assert "Debt paid back" not in text  # it shows in the ledger's entries, not as a change of the balance


@pytest.mark.parametrize("days", ["7", "30", "90"])
def test_range_is_a_link_and_htmx_gets_the_card_alone(alice_client: Client, northwind: Workspace, days: str) -> None:
    whole = page(alice_client, northwind, f"?range={days}")
    card = page(alice_client, northwind, f"?range={days}", HX_Request="true", HX_Target="usage")
    assert whole.startswith("<!doctype html>")
    assert card.startswith('<section id="usage"')
    assert f'?range={days}" hx-target' in card
    assert "View as table" in card


def test_search_works_as_a_form_and_as_a_fragment(alice_client: Client, northwind: Workspace) -> None:
    whole = page(alice_client, northwind, "?q=sonnet")
    rows = page(alice_client, northwind, "?q=sonnet", HX_Request="true", HX_Target="model-rows")
    assert 'value="sonnet"' in whole
    assert "Claude Sonnet 4.5" in rows
    assert "gpt 4o" not in rows
    assert "<html" not in rows


def test_search_without_a_hit_quotes_the_query_safely(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind, "?q=%3Cscript%3Ex")
    assert "No model matches “&lt;script&gt;x”" in text


def test_viewers_are_not_offered_what_they_may_not_do(
    alice_client: Client, bob: User, bob_client: Client, fresh: Workspace
) -> None:
    Membership.objects.create(workspace=fresh, user=bob, role="viewer")
    assert "Create a key" in page(alice_client, fresh)
    assert "Create a key" not in page(bob_client, fresh)


def test_other_pages_carry_the_balance_and_every_link_leads_somewhere(
    alice_client: Client, northwind: Workspace
) -> None:
    text = page(alice_client, northwind)
    navigation = text.split('aria-label="Main"')[1].split("</nav>")[0]
    links = [part.split('"')[0] for part in navigation.split('href="')[1:]]
    assert len(links) == 21
    for link in links:
        response = alice_client.get(link)
        assert response.status_code == 200, link


def test_an_error_page_has_our_look(alice_client: Client) -> None:
    response = alice_client.get("/w/ws_unknown/")
    assert response.status_code == 404
    assert b"This page does not exist" in response.content


def test_each_number_of_the_strip_opens_to_what_it_counts(alice_client: Client, northwind: Workspace) -> None:
    place(northwind, NANO)
    strip = page(alice_client, northwind).split('id="balance"')[1].split("</section>")[0]
    for place_of in ("balance-held", "balance-month", "balance-today"):
        link = strip.split(f'id="{place_of}"')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
        assert alice_client.get(link).status_code == 200
    today = alice_client.get(link)
    assert len(today.context["events"]) == int(strip.split('id="balance-today"')[1].split(">")[1].split("<")[0])
