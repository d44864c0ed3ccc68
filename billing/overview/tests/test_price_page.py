import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site
from billing.plans.services import workspace_open


def page(client: Client, workspace: Workspace, **query: str) -> str:
    response = client.get(f"/w/{workspace.public_id}/models", query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_prices_per_thousand_tokens_in_credits(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind, q="gpt-4o-mini")
    assert "/ 1K" in text
    assert ">0.03<" in text.replace(" ", "")  # $0.15 per million at $0.005 a credit
    assert ">0.12<" in text.replace(" ", "")


def test_prices_per_million_tokens_in_dollars(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind, q="gpt-4o-mini", per="1m", **{"in": "usd"})
    assert "/ 1M" in text
    assert "$0.15" in text
    assert "$0.60" in text


@pytest.mark.parametrize(
    ("search", "price", "unit"),
    [
        ("nova-3", "0.86", "/ minute"),
        ("eleven_flash", "8", "/ 1K characters"),
        ("gemini-2.5-flash-image", "7.80", "/ image"),
        ("veo-3.1", "80", "/ second"),
    ],
)
def test_other_models_show_the_unit_they_are_sold_by(
    alice_client: Client, northwind: Workspace, search: str, price: str, unit: str
) -> None:
    text = page(alice_client, northwind, q=search)
    assert unit in text
    assert price in text


def test_filters_narrow_and_survive_the_switches(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind, provider="openai", modality="text")
    assert "gpt 4o" in text
    assert "Claude" not in text
    assert "provider=openai&amp;modality=text&amp;per=1m" in text


def test_free_actions_are_listed_as_free(alice_client: Client, northwind: Workspace) -> None:
    platform = page(alice_client, northwind).split("own services")[1]
    assert platform.count('class="free">Free') >= 3
    assert "Telephony is billed by its provider" in platform


def test_when_rates_were_refreshed_is_said(alice_client: Client, northwind: Workspace) -> None:
    assert "Rates last refreshed today" in page(alice_client, northwind)


def test_no_hit_offers_the_whole_list(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind, q="zzz")
    assert "No model matches “zzz”" in text
    assert "Show all models" in text


def test_without_a_catalogue_the_page_says_so(db: None, alice: User, alice_client: Client) -> None:
    assert "No prices yet" in page(alice_client, workspace_open(name="Empty", owner=alice))


@pytest.mark.parametrize("query", [{"provider": "x'--", "modality": "?"}, {"q": "\x00%_\\"}, {"q": "a " * 400}])
def test_nothing_in_the_address_breaks_the_page(
    alice_client: Client, northwind: Workspace, query: dict[str, str]
) -> None:
    page(alice_client, northwind, **query)


def test_a_made_up_cursor_is_not_found(alice_client: Client, northwind: Workspace) -> None:
    assert alice_client.get(f"/w/{northwind.public_id}/models", {"cursor": "zz"}).status_code == 404


def test_the_operators_own_word_for_credits_is_used(alice_client: Client, northwind: Workspace) -> None:
    SiteSettings.objects.update(credit_name="voice token", credit_name_plural="voice tokens")
    forget_site()
    assert "Voice tokens" in page(alice_client, northwind)
    text = alice_client.get(f"/w/{northwind.public_id}/").content.decode()
    assert "voice tokens a day" in text
