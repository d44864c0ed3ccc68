"""The page: what it says, what its address says, and who may see it."""

import re
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client

from accounts.models import Workspace
from billing.foundation.site.services import site_update
from billing.metering.tests.helpers import rewriting
from billing.plans.models import Plan, PlanVersion
from billing.pricing.models import Meter
from billing.pricing.services import import_reading
from billing.pricing.sources.rows import PriceRow, Reading

PUBLIC = "/estimate"


def get(client: Client, query: str = "", path: str = PUBLIC) -> str:
    response = client.get(path + (f"?{query}" if query else ""))
    assert response.status_code == 200, response.headers.get("Location")
    return " ".join(unescape(response.content.decode()).split())


def rows(text: str, part: str) -> dict[str, list[list[str]]]:
    """Of the table of a part, by the name of the step: the texts of its cells, the exact amount after the shown one."""
    table = text.split(f'id="part-{part}"')[1].split("</table>")[0]
    found = {}
    for row in re.findall(r"<tr.*?</tr>", table):
        name = re.sub(r"<[^>]*>", " ", row.split("</th>")[0].split("<small")[0]).strip()
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
        found.setdefault(name, [re.sub(r"<[^>]*>", " ", cell).split() for cell in cells])
    return found


def test_five_turn_chat_costs_six_credits(client: Client, published: None) -> None:
    text = get(client, "conversations=1")
    table = rows(text, "chat")
    assert table["User messages"][0] == ["5"]
    assert table["Language model"][0] == ["1", "0.39"]
    assert table["Total"][0] == ["6", "5.39"]
    assert table["In US dollars"][0] == ["$0.03", "$0.02695"]
    assert "6 <small>credits · $0.03</small>" in text


def test_five_minute_call_costs_seventy_six_credits(client: Client, published: None) -> None:
    text = get(client, "conversations=0&calls=1")
    table = rows(text, "call")
    assert table["Call minutes"][0] == ["50"]
    assert table["Language model"][0] == ["1", "0.78"]
    assert table["Voice"][0] == ["20", "19.26"]
    assert table["Transcription"][0] == ["5"]
    assert table["Total"][0] == ["76", "75.04"]
    assert table["In US dollars"][0] == ["$0.38", "$0.3752"]
    assert table["A minute"][0] == ["$0.076", "$0.07504"]
    assert "2,140 characters at 9 / 1K characters" in text
    assert "300 seconds at 1 / minute" in text
    assert "76 <small>credits · $0.38</small>" in text


def test_a_month_of_both(client: Client, published: None) -> None:
    text = get(client, "calls=500")
    assert rows(text, "chat")["Total"][1] == ["5,390"]
    assert rows(text, "call")["Total"][1] == ["37,520"]
    assert "42,910 <small>credits · $214.55</small>" in text


def test_free_things_are_listed_as_free_and_telephony_is_its_providers(client: Client, published: None) -> None:
    free = get(client).split('id="free-h"')[1]
    for label in ("Static messages", "API calls", "Function calls", "Logic steps"):
        assert label in free
    assert "Telephony, such as renting a number, is billed by its provider." in free


def test_the_best_plan_stands_beside_the_second_with_the_reason(client: Client, published: None) -> None:
    text = get(client, "conversations=0&calls=1000")
    # Free: $375.20 less 1,000 characters ($0.045). Pro: $29 and 500,000 characters ($22.50) included.
    plans = text.split('id="plans-h"')[1].split("</section>")[0]
    assert plans.startswith(">Best value: Free")
    assert "$6.54 a month less than Pro, the second best." in plans
    assert "Its price is $29.00 lower, of which Pro would save $22.46 in credits." in plans
    assert "1,000 of 1,000 input characters included" in plans
    assert "$381.70" in plans


def test_allowances_make_the_dearer_plan_the_better_one(client: Client, published: None) -> None:
    PlanVersion.objects.create(plan=Plan.objects.get(key="pro"), number=2, **_pro(900_000))
    text = get(client, "conversations=0&calls=1000")
    assert "Best value: Pro" in text
    assert "Its price is $29.00 higher, and what it includes saves $40.46 more in credits." in text


def _pro(characters: int) -> dict[str, object]:
    from billing.credits import clock

    allowances = {"input_characters": str(characters)}
    return {"monthly_price_cents": 2900, "allowances": allowances, "published_at": clock.now()}


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("call_turns=0.5", "It allows 500 input characters in one request; the largest here has 856."),
        ("quality=ultra", "Its qualities are Standard; Ultra is not among them."),
        ("at_once=11", "It allows 10 requests at the same time; 11 are needed."),
    ],
)
def test_a_plan_that_would_refuse_is_out_and_says_why(client: Client, published: None, query: str, reason: str) -> None:
    with rewriting():
        PlanVersion.objects.filter(plan__key="free").update(concurrency=10)
    text = get(client, f"conversations=0&calls=1&{query}" if "calls" not in query else query)
    assert "Best value: Pro" in text
    assert "It is the only plan that takes these requests." in text
    assert reason in text


def test_no_plan_fits(client: Client, published: None) -> None:
    with rewriting():
        PlanVersion.objects.update(concurrency=1)
    text = get(client, "at_once=2")
    assert "No plan on offer fits" in text
    assert text.count("Does not fit") == 2


def test_without_plans_credits_are_bought(client: Client, published: None) -> None:
    with rewriting():
        PlanVersion.objects.update(published_at=None)
    assert "Credits are bought as they are needed: $26.95 a month." in get(client)


def test_an_operators_meter_is_asked_for_and_priced_without_a_change_of_code(client: Client, published: None) -> None:
    Meter.objects.create(key="robot_hours", label="Robot hours", unit="hour", platform=True)
    row = PriceRow("platform", "", "robot_hours", "hour", Decimal("0.25"), 1)
    import_reading(Reading("operator", "1", [row], []))
    assert '<label for="m.robot_hours">Robot hours</label>' in get(client)
    table = rows(get(client, "m.robot_hours=3.5"), "extras")
    assert table["Robot hours"] == [["175"]]


def test_the_address_leaves_out_what_is_at_its_default(client: Client, published: None) -> None:
    typed = "conversations=1%2C000&turns=7&model=gpt-4o&calls=0&output=150&history=&nonsense=1&m.deployments="
    response = client.get(f"{PUBLIC}?{typed}")
    assert (response.status_code, response["Location"]) == (302, f"{PUBLIC}?turns=7&model=openai/gpt-4o")
    again = client.get(response["Location"])
    assert again.status_code == 200
    assert f"{PUBLIC}?turns=7&model=openai/gpt-4o</code>" in unescape(again.content.decode())


def test_an_address_with_only_defaults_stays_an_address(client: Client, published: None) -> None:
    response = client.get(f"{PUBLIC}?turns=5")
    assert response["Location"] == f"{PUBLIC}?conversations=1000"
    assert client.get(response["Location"]).status_code == 200


@pytest.mark.parametrize(
    ("field", "typed", "problem"),
    [
        ("turns", "0", "Enter a whole number from 1 to 200."),
        ("turns", "2.5", "Enter a whole number from 1 to 200."),
        ("turns", "", "Enter a whole number from 1 to 200."),
        ("turns", "five", "Enter a whole number from 1 to 200."),
        ("conversations", "-1", "Enter a whole number from 0 to 1,000,000,000."),
        ("conversations", "9" * 30, "Enter a whole number from 0 to 1,000,000,000."),
        ("conversations", "1e5", "Enter a whole number from 0 to 1,000,000,000."),
        ("minutes", "NaN", "Enter a number from 0.1 to 240."),
        ("minutes", "5.123", "Enter a number from 0.1 to 240."),
        ("speaking", "101", "Enter a number from 0 to 100."),
        ("input", "Infinity", "Enter a whole number from 0 to 10,000,000."),
        ("m.deployments", "x", "Enter a number from 0 to 1,000,000,000."),
        ("model", "acme/none", "No model is called “acme/none”."),
        ("model", "elevenlabs/eleven_flash_v2_5", "This model is not sold by tokens."),
        ("quality", "best", "Select a valid choice."),
    ],
)
def test_what_will_not_do_is_told_beside_its_field_and_kept(
    client: Client, published: None, field: str, typed: str, problem: str
) -> None:
    response = client.get(PUBLIC, {field: typed})
    text = " ".join(unescape(response.content.decode()).split())
    error = text.split(f'id="{field}-error"')[1].split("</div>")[0]
    assert problem in error
    assert "Some fields need another look" in text
    assert f'href="#{field}"' in text
    if field != "quality" and typed:
        assert f'value="{typed}"' in text


def test_a_voice_that_does_not_speak_is_refused_beside_its_field(client: Client, published: None) -> None:
    text = get(client, "calls=1&transcriber=elevenlabs/eleven_flash_v2_5")
    assert "This model is not sold by seconds or tokens." in text.split('id="transcriber-error"')[1][:200]


@pytest.mark.parametrize(("typed", "near"), [("gpt-4o-mni", "openai/gpt-4o-mini"), ("claude", "anthropic/claude")])
def test_models_that_come_near_are_offered_as_links(client: Client, published: None, typed: str, near: str) -> None:
    error = get(client, f"turns=3&model={typed}").split('id="model-error"')[1].split("</div>")[0]
    links = re.findall(r'href="([^"]*)"', error)
    assert any(near in link for link in links) or (near == "openai/gpt-4o-mini" and links[0] == "/estimate?turns=3")
    assert client.get(links[0]).status_code == 200


def test_nothing_described_is_told(client: Client, published: None) -> None:
    assert "Nothing to estimate yet" in get(client, "conversations=0")


def test_history_and_cache_and_knowledge_are_counted(client: Client, published: None) -> None:
    text = get(client, "conversations=1&history=on&cached=50&knowledge=openai/text-embedding-3-small&looked_up=100")
    # 2,000 tokens five times, and (50 + 150) × (0 + 1 + 2 + 3 + 4) of history.
    assert "6,000 tokens at 30 / 1M tokens" in text
    assert "6,000 tokens at 15 / 1M tokens" in text
    assert "500 tokens at 4 / 1M tokens" in text


def test_a_message_without_a_price_is_in_no_sum(client: Client, db: None) -> None:
    from billing.pricing.testing import demo_reading

    import_reading(demo_reading("genai-prices"))
    text = get(client, "conversations=1")
    assert "Without a price, and in no sum: User messages." in text
    assert rows(text, "chat")["Total"][0] == ["1", "0.39"]


def test_without_a_catalogue_nothing_is_chosen_and_the_rest_has_no_price(client: Client, db: None) -> None:
    text = get(client)
    assert "Without a price, and in no sum: User messages." in text
    assert 'name="model" inputmode' not in text
    assert "No model is called" not in text


def test_a_catalogue_without_the_usual_models_starts_with_others(client: Client, db: None) -> None:
    from billing.pricing.testing import DEMO, demo_reading

    others = tuple(demo for demo in DEMO if demo.model.model != "gpt-4o-mini")
    import_reading(demo_reading("genai-prices", others))
    text = get(client)
    assert 'name="model" value="openai/gpt-4o"' in text
    assert client.get(f"{PUBLIC}?model=gpt-4o&turns=6")["Location"] == f"{PUBLIC}?turns=6"


def test_live_answers_are_the_result_with_its_address(client: Client, published: None) -> None:
    live = {"HX-Request": "true", "HX-Target": "estimate"}
    response = client.get(PUBLIC, {"turns": "6", "output": "150"}, headers=live)
    text = response.content.decode()
    assert response["HX-Replace-Url"] == "/estimate?turns=6"
    assert "<html" not in text
    assert 'id="turns-error" class="estimate__error" hx-swap-oob="true"' in text
    wrong = client.get(PUBLIC, {"turns": "six", "model": "claude"}, headers=live)
    assert wrong["HX-Replace-Url"] == "/estimate?turns=six&model=claude"
    assert '<datalist id="model-list" hx-swap-oob="true"><option value="anthropic/claude' in wrong.content.decode()


@pytest.mark.parametrize(
    "query", ["model=%00", "m.%00=1", "turns=%F0%9F%98%80", "x" * 3000, "quality=%22%3E%3Cb%3E%3C/"]
)
def test_nothing_in_the_address_breaks_the_page(client: Client, published: None, query: str) -> None:
    response = client.get(f"{PUBLIC}?{query}", follow=True)
    assert response.status_code == 200
    assert b'"><b></' not in response.content


def test_the_public_page_is_the_same_for_whoever_asks_and_caches_keep_it(
    client: Client, alice_client: Client, published: None
) -> None:
    alice_client.cookies["theme"] = "dark"
    response, own = client.get(PUBLIC), alice_client.get(PUBLIC)
    assert own.content == response.content
    assert response["Cache-Control"] == "public, max-age=300"
    assert "Cookie" not in response["Vary"]
    assert not response.cookies
    text = response.content.decode()
    assert "csrf" not in text.lower()
    assert 'href="/pricing"' in text


def test_dollars_are_rounded_up_as_lines_are(client: Client, published: None) -> None:
    text = get(client, "conversations=67&turns=3&model=")
    assert "201 <small>credits · $1.01</small>" in text  # $1.005
    assert text.split("<b>Free</b>")[1].split("</tr>")[0].count("$1.01<") == 2  # beyond the plan, and in all


def test_the_operator_can_close_the_public_page(client: Client, published: None) -> None:
    site_update(changes={"public_prices": False}, actor="test")
    assert client.get(PUBLIC).status_code == 404


def test_nothing_is_changed_by_other_methods(client: Client, alice_client: Client, workspace: Workspace) -> None:
    assert client.post(PUBLIC).status_code == 405
    assert alice_client.post(f"/w/{workspace.public_id}/estimate").status_code == 405


def test_the_operators_own_word_for_credits_is_used(client: Client, published: None) -> None:
    site_update(changes={"credit_name": "voice token", "credit_name_plural": "voice tokens"}, actor="test")
    assert "Exactly 5,390 voice tokens" in get(client)
