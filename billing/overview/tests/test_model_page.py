import json
import re
import shlex
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from accounts.models import Workspace
from billing.credits import clock
from billing.overview.modelpage import example
from billing.pricing.approvals import markup_add
from billing.pricing.models import CatalogModel
from billing.pricing.selectors import model_listing, models_list
from billing.pricing.services import changed, import_reading
from billing.pricing.testing import demo_reading


def page(client: Client, workspace: Workspace, ref: str, **query: str) -> str:
    response = client.get(f"/w/{workspace.public_id}/models/{ref}", query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def dearer(model: str, price: str, days: int) -> None:
    reading = demo_reading("genai-prices")
    rows = [
        replace(row, price=Decimal(price))
        if (row.model, row.meter) == (model, "input_tokens") and not row.dims
        else row
        for row in reading.rows
    ]
    import_reading(replace(reading, rows=rows), now=clock.now() - timedelta(days=days))


def test_all_prices_variants_and_their_source(alice_client: Client, northwind: Workspace) -> None:
    text = page(alice_client, northwind, "anthropic/claude-sonnet-4-5", per="1m", **{"in": "usd"})
    assert "made and sold by anthropic" in text
    assert "1,000,000 tokens of context" in text
    assert text.count("over 200,000 tokens") == 5
    assert "$22.50" in text
    assert "From genai-prices, an open price catalogue (demo), last read today" in text
    assert "It never changed" in text
    assert "published" not in text  # it is what customers pay


def test_markup_is_told_to_customers_and_not_to_strangers(alice_client: Client, northwind: Workspace) -> None:
    markup_add(percent=Decimal(20), by="test", since_ever=True)
    text = page(alice_client, northwind, "openai/gpt-4o", per="1m", **{"in": "usd"})
    assert "published $2.50, +20%" in text
    assert "$3.00" in text
    public = Client().get("/pricing/openai/gpt-4o", {"per": "1m", "in": "usd"}).content.decode()
    assert "$3.00" in public
    assert "$2.50" not in public
    assert "published" not in public


def test_history_is_a_chart_and_a_table(alice_client: Client, northwind: Workspace) -> None:
    dearer("gpt-4o", "3", 10)
    text = page(alice_client, northwind, "openai/gpt-4o", per="1m", **{"in": "usd"})
    assert "+20%" in text
    history = text.split('id="history-h"')[1]
    assert history.index("$2.50") < history.index("$3.00")
    chart = re.search(r"<figure class=\"steps\">.*?</figure>", text)
    assert chart
    assert 'role="img"' in chart[0]
    assert chart[0].count("<circle") == 1
    assert "style=" not in text


def test_changes_that_are_decided_are_announced(alice_client: Client, northwind: Workspace) -> None:
    at = clock.now() + timedelta(days=20)
    markup_add(percent=Decimal(10), by="test", provider="openai", model="gpt-4o", effective_from=at)
    text = page(alice_client, northwind, "openai/gpt-4o", per="1m", **{"in": "usd"})
    assert "Prices will change" in text
    assert f"{at.astimezone(ZoneInfo(northwind.time_zone)):%-d %B %Y}" in text
    assert "instead of $2.50" in text
    assert "dashed: already announced" in text


def test_a_retired_model_says_so(alice_client: Client, northwind: Workspace) -> None:
    CatalogModel.objects.filter(model="gpt-4o").update(retired_at=clock.now())
    changed()
    assert "This model is retired" in page(alice_client, northwind, "openai/gpt-4o")


def test_other_names_lead_to_the_page(alice_client: Client, northwind: Workspace) -> None:
    for name in ("gpt-4o-mini", "openai/gpt-4o-mini-2024-07-18", "OpenAI/GPT-4o-mini"):
        response = alice_client.get(f"/w/{northwind.public_id}/models/{name}")
        assert response["Location"] == f"/w/{northwind.public_id}/models/openai/gpt-4o-mini"
    assert "<code>gpt-4o-mini-2024-07-18</code>" in page(alice_client, northwind, "openai/gpt-4o-mini")


@pytest.mark.parametrize("ref", ["acme/none", "x", "a%00b", "openai/", "é/ü"])
def test_what_is_no_model_is_not_found(alice_client: Client, northwind: Workspace, ref: str) -> None:
    assert alice_client.get(f"/w/{northwind.public_id}/models/{ref}").status_code == 404


def test_the_same_model_elsewhere_is_offered(alice_client: Client, northwind: Workspace) -> None:
    assert "Also sold by" not in page(alice_client, northwind, "openai/gpt-4o")


def test_your_month_on_it(alice_client: Client, northwind: Workspace, fresh: Workspace) -> None:
    assert "Your month on it" in page(alice_client, northwind, "openai/gpt-4o")
    assert "no usage of this type in the last 30 days" in page(alice_client, fresh, "openai/gpt-4o")


def test_the_example_is_what_the_api_takes(prices: None) -> None:
    for listing in models_list().rows:
        words = shlex.split(example(listing).replace("\\\n", ""))
        assert words[:2] == ["curl", words[1]]
        assert words[1].endswith("/api/v1/usage")
        body = json.loads(words[-1])
        assert body["model"] == listing.ref
        assert body["usage"]
    image = model_listing("openai/gpt-image-1.5")
    assert image
    assert '"quality": "high"' in example(image)
    assert "it'\\''s" in example(replace(image, ref="x/it's"))
