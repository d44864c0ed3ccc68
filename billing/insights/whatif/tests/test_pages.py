"""The page, its parts and its file: who may see them, and what they say."""

import csv
import io

import pytest
from django.test import Client

from accounts.models import Workspace
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, refuses_other_methods
from billing.insights.whatif.tests.conftest import GPT, MINI, TTS, Use

HTMX = {"HX-Request": "true"}


def text_of(client: Client, workspace: Workspace, *, part: str = "", **query: str) -> str:
    headers = {**HTMX, "HX-Target": part} if part else {}
    response = client.get(f"/w/{workspace.public_id}/what-if", query, headers=headers)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize("path", ["what-if", "what-if.csv?model=openai/gpt-4o-mini"])
def test_every_member_and_nobody_else(
    shop: Workspace, path: str, alice_client: Client, bob_client: Client, charlie_client: Client
) -> None:
    url = f"/w/{shop.public_id}/{path}"
    assert [client.get(url).status_code for client in (alice_client, bob_client)] == [200, 200]
    refuses_other_methods(alice_client, url, "get")
    hides_from_strangers(charlie_client, url)
    asks_to_sign_in(url)


def test_the_page_answers_before_anything_is_computed(shop: Workspace, use: Use, alice_client: Client) -> None:
    use(GPT, input_tokens=1_000_000)
    text = text_of(alice_client, shop, model=MINI)
    assert 'hx-trigger="load' in text
    assert "Pricing your requests anew" in text
    assert "Would have cost" not in text
    assert "openai/gpt-4o (1)" in text
    part = text_of(alice_client, shop, part="result", model=MINI)
    assert part.startswith('<div id="result"')
    assert "Was charged" in part


def test_the_whole_page_in_one_answer(shop: Workspace, use: Use, alice_client: Client) -> None:
    use(GPT, times=10, task="title", input_tokens=100_000, output_tokens=10)
    text = text_of(alice_client, shop, model=MINI, whole="1")
    assert 'hx-trigger="load' not in text.split('id="main"')[1].split('id="live"')[0]
    assert "All text usage on openai/gpt-4o-mini" in text
    assert ">500.20<" in text
    assert ">30.01<" in text
    assert "94%" in text
    assert "cheaper" in text
    assert "you use it already" not in text
    assert "of the same provider" in text


def test_what_is_not_compared_is_said(shop: Workspace, use: Use, alice_client: Client) -> None:
    use(TTS, input_characters=5)
    use("nobody/knows", input_tokens=5)
    text = text_of(alice_client, shop, part="result", model=MINI, of=TTS)
    assert "Nothing to compare" in text
    assert "input_characters has no price at openai/gpt-4o-mini." in text
    text = text_of(alice_client, shop, part="result", model=MINI)
    assert "They wait for a price and were not charged." in text


def test_a_plan_beside_the_present_one(on_free: Workspace, use: Use, alice_client: Client) -> None:
    use(TTS, input_characters=60_000)
    text = text_of(alice_client, on_free, part="result", on="plan", plan="pro")
    assert "On the Pro plan" in text
    assert "beside the Free plan you are on" in text
    assert "Price of the plan" in text
    assert "Months are calendar months" in text


def test_ways_have_an_adjustable_share(shop: Workspace, use: Use, alice_client: Client) -> None:
    use(GPT, times=10, agent="bot", task="chat", input_tokens=10_000, output_tokens=500)
    text = text_of(alice_client, shop, part="ways")
    assert "12.50 credits ($0.062) less in 30 days, if 50% of the larger inputs" in text
    assert "50% is an assumption" in text
    text = text_of(alice_client, shop, part="ways", share="90")
    assert "22.50 credits ($0.11) less in 30 days, if 90%" in text
    assert "of=openai%2Fgpt-4o&amp;model=openai%2Fgpt-4o&amp;task=chat&amp;agent=bot&amp;cached=90" in text


def test_empty_states(shop: Workspace, use: Use, alice_client: Client) -> None:
    assert "No usage yet" in text_of(alice_client, shop, part="ways")
    use(MINI, times=10, task="title", input_tokens=100, output_tokens=10)
    assert text_of(alice_client, shop, part="ways", days="90").count("Nothing to save here") == 2


@pytest.mark.parametrize(
    ("query", "reason"),
    [({"model": "nobody/knows"}, "is not in the catalogue"), ({"on": "plan", "plan": "x"}, "is not on offer")],
)
def test_a_question_without_an_answer(
    shop: Workspace, alice_client: Client, query: dict[str, str], reason: str
) -> None:
    assert reason in text_of(alice_client, shop, part="result", **query)
    response = alice_client.get(f"/w/{shop.public_id}/what-if.csv", query)
    assert response.status_code == 422
    assert reason in response.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"days": "1e9", "on": "\x00", "of": "a" * 5_000, "model": "\x00%", "cached": "٣"},
        {"task": "\x00", "agent": "'--", "model": MINI, "share": "99999999999999999999"},
        {"on": "plan", "plan": "\x00", "share": "-1"},
    ],
)
def test_nothing_in_the_address_breaks_the_page(shop: Workspace, alice_client: Client, query: dict[str, str]) -> None:
    text_of(alice_client, shop, whole="1", **query)


def rows_of(client: Client, workspace: Workspace, **query: str) -> list[dict[str, str]]:
    response = client.get(f"/w/{workspace.public_id}/what-if.csv", query)
    assert response.status_code == 200
    assert "attachment" in response["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def test_the_file_has_every_day_exact(shop: Workspace, use: Use, alice_client: Client) -> None:
    use(GPT, ago=2, input_tokens=1_003)
    rows = rows_of(alice_client, shop, model=MINI)
    assert len(rows) == 30
    used = [row for row in rows if row["requests"] != "0"]
    assert used == [
        {
            "date": "2026-03-08",
            "requests": "1",
            "credits": "0.5015",
            "credits_on_target": "0.03009",
            "saved_credits": "0.47141",
            "saved_usd": "0.00235705",
            "target": MINI,
        }
    ]


def test_the_file_of_a_plan(on_free: Workspace, use: Use, alice_client: Client) -> None:
    use(TTS, ago=2, input_characters=60_000)
    rows = rows_of(alice_client, on_free, on="plan", plan="pro", days="90")
    assert len(rows) == 90
    (used,) = [row for row in rows if row["credits_under_own_plan"] != "0"]
    assert (used["date"], used["credits_under_target"], used["target"]) == ("2026-03-08", "0", "Pro")


def test_the_page_is_in_the_menu(shop: Workspace, alice_client: Client) -> None:
    text = text_of(alice_client, shop)
    assert f'href="/w/{shop.public_id}/what-if" aria-current="page"' in text
