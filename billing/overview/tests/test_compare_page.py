import re

from django.test import Client

from accounts.models import Workspace

MINI, BIG, NOVA = "openai/gpt-4o-mini", "openai/gpt-4o", "deepgram/nova-3"


def page(client: Client, workspace: Workspace, **query: object) -> str:
    response = client.get(f"/w/{workspace.public_id}/models/compare", query)
    assert response.status_code == 200, response
    return " ".join(response.content.decode().split())


def row(text: str, label: str) -> str:
    found = re.search(rf"<tr[^>]*><th scope=\"row\">{label}.*?</tr>", text)
    assert found, label
    return found[0]


def test_every_price_is_a_row_and_the_lowest_is_marked(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind, m=[BIG, MINI], **{"in": "usd", "per": "1m"})
    line = row(text, "Input tokens")
    assert line.index("$2.50") < line.index("$0.15") < line.index("Lowest")
    assert line.count("Lowest") == 1
    assert 'class="differs"' in line
    batch = row(text, "Input tokens<small>batch")
    assert "no price of its own" in batch
    assert "Lowest" not in batch
    assert "Your month" in text
    assert row(text, "Context").count("128,000") == 2


def test_only_what_differs(alice_client: Client, northwind: Workspace) -> None:
    same = page(alice_client, northwind, m=[BIG], differ="1")
    assert "Show every price" in same
    assert '<th scope="row">Input tokens' not in same


def test_models_are_removed_and_added(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind, m=[BIG, MINI])
    remove = re.search(r'href="\?([^"]+)" aria-label="Remove gpt 4o of openai"', text)
    assert remove
    assert "m=openai%2Fgpt-4o-mini" in remove[1]
    assert "m=openai%2Fgpt-4o&" not in remove[1]
    text = page(alice_client, northwind, m=[BIG, MINI], add="4o")
    assert "No model matches" in text  # both are there already
    text = page(alice_client, northwind, m=BIG, add="clau")
    assert 'aria-label="Add Claude Sonnet 4.5 of anthropic"' in text


def test_whoever_knows_the_name_adds_it_at_once(alice_client: Client, northwind: Workspace) -> None:
    url = f"/w/{northwind.public_id}/models/compare"
    response = alice_client.get(url, {"m": BIG, "add": "gpt-4o-mini-2024-07-18"})
    assert response.status_code == 302
    assert response["Location"].endswith("per=1k&in=credits&m=openai%2Fgpt-4o&m=openai%2Fgpt-4o-mini")


def test_what_the_list_sends_along_is_dropped_so_that_the_address_can_be_passed_on(
    alice_client: Client, northwind: Workspace
) -> None:
    url = f"/w/{northwind.public_id}/models/compare"
    response = alice_client.get(url, {"q": "gpt", "provider": "openai", "in": "usd", "m": [BIG, MINI]})
    assert response["Location"] == f"{url}?per=1k&in=usd&m=openai%2Fgpt-4o&m=openai%2Fgpt-4o-mini"


def test_different_kinds_are_said_to_be_so(alice_client: Client, northwind: Workspace) -> None:
    assert "of different types" in page(alice_client, northwind, m=[BIG, NOVA])


def test_nothing_chosen_and_unknown_models_offer_a_way_out(alice_client: Client, northwind: Workspace) -> None:
    for chosen in ([], ["acme/none"], ["\x00"], ["x" * 900]):
        text = page(alice_client, northwind, m=chosen)
        assert "No models chosen yet" in text
        assert "Open the price list" in text
    assert "Try a provider’s name" in page(alice_client, northwind, add="zzz")


def test_only_the_candidates_are_sent_to_htmx(alice_client: Client, northwind: Workspace) -> None:
    headers = {"HX-Request": "true", "HX-Target": "candidates"}
    url = f"/w/{northwind.public_id}/models/compare"
    text = alice_client.get(url, {"m": BIG, "add": "nova"}, headers=headers).content.decode()
    assert text.strip().startswith('<div id="candidates"')
    assert "<h1>" not in text
