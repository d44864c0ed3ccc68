import csv
import io
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site
from billing.plans.services import workspace_open
from billing.pricing.agreed import Scope
from billing.pricing.agreements import override_add
from billing.pricing.models import PriceLine
from billing.pricing.services import changed


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
    SiteSettings.objects.update_or_create(
        pk=1, defaults={"credit_name": "voice token", "credit_name_plural": "voice tokens"}
    )
    forget_site()
    assert "Voice tokens" in page(alice_client, northwind)
    text = alice_client.get(f"/w/{northwind.public_id}/").content.decode()
    assert "voice tokens a day" in text


def rows(text: str) -> list[str]:
    return re.findall(r'name="m" value="([^"]+)" aria-label', text)


def test_prices_bound_and_sort_the_list(alice_client: Client, northwind: Workspace) -> None:
    query = {"modality": "text", "max": "2.5", "in": "usd", "per": "1m"}
    assert rows(page(alice_client, northwind, sort="-price", **query)) == ["openai/gpt-4o", "openai/gpt-4o-mini"]
    assert rows(page(alice_client, northwind, sort="price", **query)) == ["openai/gpt-4o-mini", "openai/gpt-4o"]
    text = page(alice_client, northwind, max="0.0000001")
    assert "No model that matches has a price between these bounds" in text
    assert "Show all models" in text


def test_free_models_are_found_and_no_others(alice_client: Client, northwind: Workspace) -> None:
    assert "No model that matches is free" in page(alice_client, northwind, free="1")
    PriceLine.objects.filter(model="gpt-4o").update(price=0)
    changed()
    text = page(alice_client, northwind, free="1")
    assert rows(text) == ["openai/gpt-4o"]
    assert 'class="free">Free' in text.split("own services")[0]


def test_your_own_month_is_told_and_sorted_by(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind, modality="text", sort="cost")
    assert "Your month" in text
    assert "<b>Text</b>:" in text
    found = rows(text)
    assert found[0] == "openai/gpt-4o-mini"
    assert set(found) == {"openai/gpt-4o-mini", "openai/gpt-4o", "anthropic/claude-sonnet-4-5"}


def test_without_usage_there_is_no_month(alice_client: Client, fresh: Workspace) -> None:
    text = page(alice_client, fresh, sort="cost")
    assert "Once you have used a model" in text
    assert "What you would pay" not in text


def test_chosen_models_are_kept_through_filters_up_to_four(alice_client: Client, northwind: Workspace) -> None:
    url = f"/w/{northwind.public_id}/models"
    chosen = ["openai/gpt-4o", "deepgram/nova-3"]
    text = alice_client.get(url, {"q": "gpt", "m": chosen}).content.decode()
    assert "Compare 2 models" in text
    assert '<input type="hidden" name="m" value="deepgram/nova-3">' in text  # not on the page, and not forgotten
    assert re.search(r'value="openai/gpt-4o"[^>]* checked', text)
    four = [*chosen, "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"]
    text = alice_client.get(url, {"m": [*four, "elevenlabs/eleven_flash_v2_5"]}).content.decode()
    assert "Four is all that fits" in text
    assert re.search(r'value="elevenlabs/eleven_flash_v2_5"[^>]* disabled', text)


def test_a_price_of_ones_own_has_the_list_price_beside_it(alice_client: Client, northwind: Workspace) -> None:
    own = Scope("openai", "gpt-4o", "input_tokens")
    with clock.at(clock.now() - timedelta(hours=1)):
        override_add(workspace=northwind, scope=own, by="test", price=Decimal(2), per=1_000_000)
    text = page(alice_client, northwind, q="openai/gpt-4o", per="1m", **{"in": "usd"})
    assert text.count("Your price") == 1
    assert "$2.00" in text
    assert "list $2.50" in text
    public = Client().get("/pricing", {"q": "openai/gpt-4o", "per": "1m", "in": "usd"}).content.decode()
    assert "$2.50" in public
    assert "Your price" not in public


def test_the_list_as_a_file(alice_client: Client, northwind: Workspace) -> None:
    response = alice_client.get(f"/w/{northwind.public_id}/models.csv", {"provider": "openai", "sort": "price"})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    first = next(line for line in lines if line["model"] == "openai/gpt-4o" and not line["variant"])
    assert (first["meter"], first["price_usd"], first["per"], first["credits"]) == (
        "input_tokens",
        "2.5",
        "1000000",
        "500",
    )
    assert (first["list_price_usd"], first["markup_percent"]) == ("2.5", "0")
    assert Decimal(first["month_usd"]) > 0
    assert {line["provider"] for line in lines} == {"openai"}
    assert any(line["variant"] == "tier=batch" for line in lines)


def test_a_long_list_has_pages_in_every_order(alice_client: Client, northwind: Workspace, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("billing.overview.views.models.ROWS", 2)
    url = f"/w/{northwind.public_id}/models"
    for sort in ("", "name", "price", "context", "cost"):
        seen, link = [], f"?sort={sort}"
        while link:
            text = alice_client.get(url + link).content.decode()
            seen += rows(text)
            found = re.search(r'rel="next" href="([^"]+)"', text)
            link = found[1].replace("&amp;", "&") if found else ""
        assert len(seen) == len(set(seen)) == 9
